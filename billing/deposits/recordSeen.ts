import type { Address, Hash } from 'viem'
import type { Asset } from '../config/config.ts'
import type { Sql, Transaction } from '../database/connect.ts'
import { insertDepositPending } from '../events/outbox.ts'
import { depositId, railOf, recordedAmount, type SeenUnder } from './deposit.ts'

/** All transfers of one asset from one payer in one transaction, as the indexer, a submission or a rescan saw them. */
export interface SeenDeposit {
  chainId: number
  txHash: Hash
  asset: Asset
  payer: Address
  amountBaseUnits: bigint
  blockNumber: bigint
  blockHash: Hash
  blockTimestamp: Date
  /** Absent where the source does not tell. */
  under?: SeenUnder | undefined
}

/**
 * Records deposits as pending. Of a deposit that is already recorded only what was seen changes, and only upwards: where it
 * is and what it is worth is for the RPCs to say. But whoever sees it again makes it due at once, in the same block or in
 * another, whatever earlier looks said; only what stands credited stays as it is.
 *
 * What was seen by a weaker way (`transactions`) does not replace what a trace showed, and what was seen under another
 * wallet or token is not mixed in.
 *
 * Idempotent; returns how many are new.
 *
 * @param options `wakes`: `unshown` makes due only those that wait to be shown at all. For what the proof of one deposit shows
 * of another in its transaction: were every other woken, each would wake the next for ever.
 */
export async function recordSeen(
  sql: Sql,
  seen: SeenDeposit[],
  { wakes = 'all' }: { wakes?: 'all' | 'unshown' } = {},
): Promise<number> {
  if (seen.length === 0) return 0
  const rows = seen.map((deposit) => ({
    id: depositId(deposit),
    chain_id: deposit.chainId,
    tx_hash: deposit.txHash,
    rail: railOf(deposit.asset, deposit.chainId),
    payer: deposit.payer,
    amount: recordedAmount(deposit.amountBaseUnits).toString(),
    block_number: deposit.blockNumber.toString(),
    block_hash: deposit.blockHash,
    block_timestamp: deposit.blockTimestamp.toISOString(),
    wallet: deposit.under?.wallet ?? null,
    token: deposit.under?.token ?? null,
    seen_by: deposit.under?.by ?? null,
  }))
  return sql.begin(async (tx) => {
    const inserted = await tx`
      with seen as (
        select * from jsonb_to_recordset(${tx.json(rows)}) as row (
          id text, chain_id bigint, tx_hash text, rail text, payer text, amount numeric, block_number bigint,
          block_hash text, block_timestamp timestamptz, wallet text, token text, seen_by text)
      ), inserted as (
        insert into credits.deposit
          (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number, block_hash, block_timestamp,
            seen_base_units, seen_wallet, seen_token, seen_by)
        select id, chain_id, tx_hash, rail, payer, 'pending', amount, block_number, block_hash, block_timestamp,
          case when seen_by is not null then amount end, wallet, token, seen_by
        from seen order by id
        on conflict do nothing
        returning id, payer, rail, tx_hash, amount_base_units
      )
      ${insertDepositPending(tx, tx`inserted`)}`
    await seeAgain(tx, rows, wakes)
    return inserted.length
  })
}

/** Locks the rows in sorted order, as everything does that takes several. */
async function seeAgain(
  tx: Transaction,
  rows: Record<string, string | number | null>[],
  wakes: 'all' | 'unshown',
): Promise<void> {
  await tx`
    with seen as (
      select * from jsonb_to_recordset(${tx.json(rows)}) as row (
        id text, amount numeric, block_hash text, wallet text, token text, seen_by text)
    ), known as (
      select d.id, seen.amount, seen.wallet, seen.token, seen.seen_by,
        seen.seen_by is not null and seen.block_hash = d.block_hash and d.state in ('pending', 'held')
          and (d.seen_wallet is null
            or (d.seen_wallet = seen.wallet and d.seen_token is not distinct from seen.token))
          and not (d.seen_by = 'traces' and seen.seen_by = 'transactions') as is_comparable
      from credits.deposit d join seen on seen.id = d.id
      where d.state in ('pending', 'held', 'orphaned', 'reversed')
        and (d.retry_at > now() or (d.retry_at is null and d.state <> 'pending')
          or (d.seen_base_units is distinct from seen.amount and d.block_hash = seen.block_hash))
        and (${wakes === 'all'} or d.state in ('orphaned', 'reversed')
          or d.reason in ('payment_not_seen', 'evidence_unavailable'))
      order by d.id for update of d
    )
    update credits.deposit d
    set retry_at = now(),
      seen_base_units = case when known.is_comparable then greatest(d.seen_base_units, known.amount)
        else d.seen_base_units end,
      seen_wallet = case when known.is_comparable then known.wallet else d.seen_wallet end,
      seen_token = case when known.is_comparable then known.token else d.seen_token end,
      seen_by = case when known.is_comparable then known.seen_by else d.seen_by end,
      amount_base_units = case when known.is_comparable then greatest(d.seen_base_units, known.amount)
        else d.amount_base_units end
    from known where d.id = known.id`
}
