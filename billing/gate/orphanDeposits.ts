import type { Sql } from '../database/connect.ts'
import type { GateEvent, OpenDeposit } from './gateDeps.ts'

/**
 * Marks deposits that no canonical block holds. `retryAt` says when each is looked for again; null is for those whose
 * block stands and does not hold them, which only another block could change. A deposit credited meanwhile stays credited.
 */
export async function orphanDeposits(
  sql: Sql,
  orphans: { deposit: OpenDeposit; retryAt: Date | null }[],
): Promise<GateEvent[]> {
  if (orphans.length === 0) return []
  const rows = orphans.map(({ deposit, retryAt }) => ({
    id: deposit.id,
    block_hash: deposit.blockHash,
    retry_at: retryAt?.toISOString() ?? null,
  }))
  const orphaned = await sql<{ id: string }[]>`
    with orphan as (
      select * from jsonb_to_recordset(${sql.json(rows)}) as row (id text, block_hash text, retry_at timestamptz)
    ), changed as (
      update credits.deposit d
      set state = 'orphaned', reason = null, detail = null, failures = 0, retry_at = orphan.retry_at, updated_at = now()
      from orphan
      where d.id = orphan.id and d.state in ('pending', 'held') and d.block_hash = orphan.block_hash
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units
    )
    insert into credits.outbox_event (kind, account, payload)
    select 'deposit.orphaned', payer, jsonb_build_object(
      'id', id, 'rail', rail, 'txHash', tx_hash, 'payer', payer, 'amountBaseUnits', amount_base_units::text)
    from changed
    returning payload->>'id' as id`
  const ids = new Set(orphaned.map(({ id }) => id))
  return orphans
    .filter(({ deposit }) => ids.has(deposit.id))
    .map(({ deposit }) => ({
      kind: 'orphaned',
      depositId: deposit.id,
      rail: deposit.rail,
      blockNumber: deposit.blockNumber,
    }))
}
