import type { Sql } from '../database/connect.ts'
import type { GateEvent } from '../gate/gateDeps.ts'
import type { Decision } from '../gate/planDeposit.ts'
import { retryDelayMs } from './retryDelay.ts'

type Hold = Extract<Decision, { kind: 'hold' }>

/**
 * Holds deposits, each for its reason, and says when they are looked at next. An event is written only when a deposit
 * comes to be held or its reason changes, so a long hold tells once. A deposit credited meanwhile stays credited.
 */
export async function holdDeposits(sql: Sql, holds: Hold[], now: Date): Promise<GateEvent[]> {
  if (holds.length === 0) return []
  const rows = holds.map(({ deposit, reason, detail }) => {
    const failures = deposit.reason === reason ? deposit.failures + 1 : 0
    const retryAt = new Date(now.getTime() + retryDelayMs(reason, failures))
    return { id: deposit.id, reason, detail, failures, retry_at: retryAt.toISOString() }
  })
  const changed = await sql<{ id: string }[]>`
    with hold as (
      select * from jsonb_to_recordset(${sql.json(rows)}) as row (
        id text, reason text, detail text, failures int, retry_at timestamptz)
    ), before as (
      select d.id, d.state, d.reason from credits.deposit d join hold on hold.id = d.id
      where d.state in ('pending', 'held') order by d.id for update of d
    ), held as (
      update credits.deposit d
      set state = 'held', reason = hold.reason, detail = hold.detail, failures = hold.failures,
        retry_at = hold.retry_at, updated_at = now()
      from hold join before on before.id = hold.id
      where d.id = hold.id
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, d.reason, before.reason as reason_before
    )
    insert into credits.outbox_event (kind, account, payload)
    select 'deposit.held', payer, jsonb_build_object(
      'id', id, 'rail', rail, 'txHash', tx_hash, 'payer', payer, 'amountBaseUnits', amount_base_units::text,
      'reason', reason)
    from held where reason_before is distinct from reason
    returning payload->>'id' as id`
  const changedIds = new Set(changed.map(({ id }) => id))
  return holds
    .filter(({ deposit }) => changedIds.has(deposit.id))
    .map(({ deposit, reason, detail }) => ({
      kind: 'held',
      depositId: deposit.id,
      rail: deposit.rail,
      reason,
      amountBaseUnits: deposit.amountBaseUnits,
      blockNumber: deposit.blockNumber,
      detail,
    }))
}
