import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import type { Decision, GateEvent, OpenDeposit } from './deposit.ts'
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

/**
 * Follows a transaction to the block a reorg moved it to: the deposit is pending there and is proven anew. A lost deposit
 * that comes back tells so by an event. Nothing happens to a deposit that was decided or moved meanwhile.
 */
export async function moveDeposit(sql: Sql, deposit: OpenDeposit, to: TransactionLocation): Promise<void> {
  const cameBack = deposit.state === 'orphaned' || deposit.state === 'reversed'
  await sql`
    with moved as (
      update credits.deposit
      set state = 'pending', reason = null, detail = null, retry_at = null, failures = 0, final = false,
        block_number = ${to.blockNumber.toString()}, block_hash = ${to.blockHash}, updated_at = now()
      where id = ${deposit.id} and state = ${deposit.state} and block_hash = ${deposit.blockHash}
      returning id, payer, rail, tx_hash, amount_base_units
    )
    insert into credits.outbox_event (kind, account, payload)
    select 'deposit.pending', payer, jsonb_build_object(
      'id', id, 'rail', rail, 'txHash', tx_hash, 'payer', payer, 'amountBaseUnits', amount_base_units::text)
    from moved where ${cameBack}`
}
