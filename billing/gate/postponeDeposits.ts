import type { Sql } from '../database/connect.ts'
import { retryDelayMs } from '../deposits/retryDelay.ts'
import type { OpenDeposit } from './gateDeps.ts'

/** Puts off deposits about which nothing can be said yet, so that they do not stand in the way of the others. */
export async function postponeDeposits(sql: Sql, deposits: OpenDeposit[], now: Date): Promise<void> {
  if (deposits.length === 0) return
  const rows = deposits.map(({ id, reason, failures }) => {
    const retryAt = new Date(now.getTime() + retryDelayMs(reason, failures))
    return { id, failures: failures + 1, retry_at: retryAt.toISOString() }
  })
  await sql`
    update credits.deposit d set failures = row.failures, retry_at = row.retry_at
    from jsonb_to_recordset(${sql.json(rows)}) as row (id text, failures int, retry_at timestamptz)
    where d.id = row.id and d.state in ('pending', 'held')`
}
