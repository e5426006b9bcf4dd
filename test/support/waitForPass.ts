import type { TestChain } from './createChain.ts'
import type { TestDatabase } from './createTestDatabase.ts'
import { waitUntil } from './waitUntil.ts'

const WITHIN_MS = 30_000

/**
 * Waits until the gate has made a whole pass that began with this very head (by default the chain's own): the fact to
 * wait for before saying that something did not happen. The status is written as a pass begins, so it takes the
 * beginning of the pass after it to know that it has ended.
 */
export async function waitForPass(
  { chain, database }: { chain: TestChain; database: TestDatabase },
  head?: { number: bigint },
  withinMs = WITHIN_MS,
): Promise<void> {
  const { number, hash } = head === undefined ? await chain.head() : { ...head, hash: null }
  let began: string | undefined
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ number: bigint; hash: string; passedAt: string }[]>`
        select head_number as number, head_hash as hash, passed_at::text as "passedAt"
        from credits.chain_status where chain_id = ${chain.chainId}`
      if (row === undefined || row.number !== number || (hash !== null && row.hash !== hash)) return false
      began ??= row.passedAt
      return row.passedAt !== began
    },
    { withinMs, what: `a whole pass of the gate with head ${number}` },
  )
}
