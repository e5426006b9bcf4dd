import type { Sql, Transaction } from '../../billing/database/connect.ts'
import type { Difference } from '../../billing/verify/differences.ts'
import { verifyWithin } from '../../billing/verify/verifyBooks.ts'

class Undone extends Error {}

/**
 * What `verify` finds after a change that nobody may make: no trigger fires and no foreign key is checked, which takes a
 * superuser. The change is undone, so that many can be tried on the same books. `look` replaces the whole verification.
 */
export async function differencesAfter(
  sql: Sql,
  change: (tx: Transaction) => Promise<unknown>,
  look: (tx: Transaction) => Promise<Difference[]> = findAll,
): Promise<Difference[]> {
  let found: Difference[] = []
  await sql
    .begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      await change(tx)
      await tx`set local session_replication_role = origin`
      found = await look(tx)
      throw new Undone()
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error
    })
  return found
}

async function findAll(tx: Transaction): Promise<Difference[]> {
  const found: Difference[] = []
  await verifyWithin(tx, (step) => {
    if (step.kind === 'difference') found.push(step.difference)
  })
  return found
}
