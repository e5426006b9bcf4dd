import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import { insertDepositHeld, insertDepositOrphaned, insertDepositPending } from '../events/outbox.ts'
import type { Decision, GateEvent, OpenDeposit } from './deposit.ts'
import { retryDelayMs } from './retryDelay.ts'

type Hold = Extract<Decision, { kind: 'hold' }>

/**
 * Holds deposits, each for its reason, and sets when they are looked at again. An event is written only when a hold begins
 * or its reason changes, so a long hold is announced once. A deposit credited in the meantime, or in another block by now,
 * stays as it is.
 */
export async function holdDeposits(sql: Sql, holds: Hold[], now: Date): Promise<GateEvent[]> {
  if (holds.length === 0) return []
  const rows = holds.map((hold) => {
    const { deposit, reason, detail } = hold
    const failures = saysTheSame(hold) ? deposit.failures + 1 : 0
    const retryAt = new Date(now.getTime() + retryDelayMs(reason, failures))
    const { id, blockHash: block_hash } = deposit
    return { id, block_hash, reason, detail, failures, retry_at: retryAt.toISOString() }
  })
  const changed = await sql<{ id: string }[]>`
    with hold as (
      select * from jsonb_to_recordset(${sql.json(rows)}) as row (
        id text, block_hash text, reason text, detail text, failures int, retry_at timestamptz)
    ), before as (
      select d.id, d.state, d.reason from credits.deposit d
      join hold on hold.id = d.id and hold.block_hash = d.block_hash
      where d.state in ('pending', 'held') order by d.id for update of d
    ), held as (
      update credits.deposit d
      set state = 'held', reason = hold.reason, detail = hold.detail, failures = hold.failures,
        retry_at = hold.retry_at, updated_at = now()
      from hold join before on before.id = hold.id
      where d.id = hold.id
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, d.reason, before.reason as reason_before
    )
    ${insertDepositHeld(sql, sql`held where reason_before is distinct from reason`)}`
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

/** Another amount than the last look showed is another outcome, although it is held for the same reason. */
function saysTheSame({ deposit, reason, detail, differs }: Hold): boolean {
  return deposit.reason === reason && (differs === undefined || deposit.detail === detail)
}

/**
 * Marks deposits that no canonical block contains; `retryAt` says when each is searched for again. A deposit credited in
 * the meantime, or in another block by now, stays as it is.
 */
export async function orphanDeposits(
  sql: Sql,
  orphans: { deposit: OpenDeposit; retryAt: Date }[],
): Promise<GateEvent[]> {
  if (orphans.length === 0) return []
  const rows = orphans.map(({ deposit, retryAt }) => ({
    id: deposit.id,
    block_hash: deposit.blockHash,
    retry_at: retryAt.toISOString(),
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
    ${insertDepositOrphaned(sql, sql`changed`)}`
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

/**
 * Postpones deposits that cannot be decided yet, so that they do not block the others: for seconds, also where they are held
 * for something that takes days. A look that saw nothing does not count towards what a held one is held for.
 */
export async function postponeDeposits(sql: Sql, deposits: OpenDeposit[], now: Date): Promise<void> {
  if (deposits.length === 0) return
  const rows = deposits.map(({ id, reason, failures }) => {
    const retryAt = new Date(now.getTime() + retryDelayMs(null, failures))
    return { id, failures: reason === null ? failures + 1 : failures, retry_at: retryAt.toISOString() }
  })
  await sql`
    update credits.deposit d set failures = row.failures, retry_at = row.retry_at
    from jsonb_to_recordset(${sql.json(rows)}) as row (id text, failures int, retry_at timestamptz)
    where d.id = row.id and d.state in ('pending', 'held')`
}

/**
 * Follows a transaction to the block a reorg moved it to: the deposit is pending there and is proven again. What it pays
 * there may be another amount, so what was seen counts for the same block only. An event is
 * written when a lost deposit comes back. A deposit that was decided or moved in the meantime stays as it is.
 */
export async function moveDeposit(sql: Sql, deposit: OpenDeposit, to: TransactionLocation): Promise<void> {
  const cameBack = deposit.state === 'orphaned' || deposit.state === 'reversed'
  await sql`
    with moved as (
      update credits.deposit
      set state = 'pending', reason = null, detail = null, retry_at = null, failures = 0, final = false,
        seen_base_units = case when block_hash = ${to.blockHash} then seen_base_units end,
        block_number = ${to.blockNumber.toString()}, block_hash = ${to.blockHash}, updated_at = now()
      where id = ${deposit.id} and state = ${deposit.state} and state <> 'credited'
        and block_hash = ${deposit.blockHash}
      returning id, payer, rail, tx_hash, amount_base_units
    )
    ${insertDepositPending(sql, sql`moved where ${cameBack}`)}`
}
