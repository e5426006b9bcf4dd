import type { Address, Hash } from 'viem'
import type { Asset } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import { insertDepositPending } from '../events/outbox.ts'
import { depositId, railOf } from './deposit.ts'

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
}

/**
 * The most that the column for amounts can hold. A lying token can log transfers whose sum exceeds any real supply; one such
 * transaction must not keep other deposits from being recorded.
 */
const MAX_RECORDED_AMOUNT = 10n ** 78n - 1n

/**
 * Records deposits as pending. A deposit that is already recorded stays as it is: the RPCs decide where it is and what it
 * is worth, not the source that saw it. Only a lost deposit now seen in another block is searched for again at once.
 *
 * Idempotent; returns how many are new.
 */
export async function recordSeen(sql: Sql, seen: SeenDeposit[]): Promise<number> {
  if (seen.length === 0) return 0
  const rows = seen.map((deposit) => ({
    id: depositId(deposit),
    chain_id: deposit.chainId,
    tx_hash: deposit.txHash,
    rail: railOf(deposit.asset, deposit.chainId),
    payer: deposit.payer,
    amount: (deposit.amountBaseUnits < MAX_RECORDED_AMOUNT
      ? deposit.amountBaseUnits
      : MAX_RECORDED_AMOUNT
    ).toString(),
    block_number: deposit.blockNumber.toString(),
    block_hash: deposit.blockHash,
    block_timestamp: deposit.blockTimestamp.toISOString(),
  }))
  return sql.begin(async (tx) => {
    const inserted = await tx`
      with seen as (
        select * from jsonb_to_recordset(${tx.json(rows)}) as row (
          id text, chain_id bigint, tx_hash text, rail text, payer text, amount numeric, block_number bigint,
          block_hash text, block_timestamp timestamptz)
      ), inserted as (
        insert into credits.deposit
          (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number, block_hash, block_timestamp)
        select id, chain_id, tx_hash, rail, payer, 'pending', amount, block_number, block_hash, block_timestamp
        from seen order by id
        on conflict do nothing
        returning id, payer, rail, tx_hash, amount_base_units
      )
      ${insertDepositPending(tx, tx`inserted`)}`
    await tx`
      update credits.deposit d set retry_at = now()
      from jsonb_to_recordset(${tx.json(rows)}) as row (id text, block_hash text)
      where d.id = row.id and d.state in ('orphaned', 'reversed') and d.block_hash <> row.block_hash
        and (d.retry_at is null or d.retry_at > now())`
    return inserted.length
  })
}
