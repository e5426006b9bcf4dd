import type { Sql } from '../database/connect.ts'
import type { GateEvent } from './gateDeps.ts'
import type { Decision } from './planDeposit.ts'

/** Rejects deposits for a reason that can not pass by itself. A deposit credited meanwhile stays credited. */
export async function rejectDeposits(
  sql: Sql,
  rejections: Extract<Decision, { kind: 'reject' }>[],
): Promise<GateEvent[]> {
  if (rejections.length === 0) return []
  const rows = rejections.map(({ deposit, reason }) => ({ id: deposit.id, reason }))
  const rejected = await sql<{ id: string }[]>`
    update credits.deposit d set state = 'rejected', reason = row.reason, detail = null, retry_at = null, updated_at = now()
    from jsonb_to_recordset(${sql.json(rows)}) as row (id text, reason text)
    where d.id = row.id and d.state in ('pending', 'held')
    returning d.id`
  const ids = new Set(rejected.map(({ id }) => id))
  return rejections
    .filter(({ deposit }) => ids.has(deposit.id))
    .map(({ deposit, reason }) => ({ kind: 'rejected', depositId: deposit.id, rail: deposit.rail, reason }))
}
