import type postgres from 'postgres'
import type { Address, Hash } from 'viem'
import type { Rail } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { DepositReason, DepositState } from './schema.ts'

/** The confirmations that a chain's deposits need, by chain id. */
export type ConfirmationsRequired = (chainId: number) => number

type Row = Omit<DepositView, 'chainId' | 'amountBaseUnits' | 'confirmationsRequired' | 'confirmations'> & {
  chainId: bigint
  amountBaseUnits: string
  confirmations: bigint
}

/**
 * Reads recorded deposits as callers see them. `rest` follows FROM and names the deposit `d`: the condition, the order, the
 * limit. Confirmations are counted from the head that the gate saw last: 0 for a deposit whose block is no longer
 * canonical, and never below 0 where the head went backwards.
 */
export async function queryDepositViews(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  rest: postgres.Fragment,
): Promise<DepositView[]> {
  const rows = await sql<Row[]>`
    select d.id, d.tx_hash as "txHash", d.chain_id as "chainId", d.rail, d.payer, d.state, d.reason, d.detail,
      d.amount_base_units as "amountBaseUnits", d.credit_micros as "creditMicros",
      d.block_number as "blockNumber", d.retry_at as "retryAt",
      d.block_timestamp as "blockTime", case when d.state = 'credited' then d.credited_at end as "creditedAt",
      case when d.state in ('orphaned', 'reversed') then 0
        else greatest(coalesce(s.head_number - d.block_number + 1, 0), 0) end as confirmations
    from credits.deposit d
    left join credits.chain_status s on s.chain_id = d.chain_id
    ${rest}`
  return rows.map((row) => {
    const chainId = Number(row.chainId)
    return {
      ...row,
      chainId,
      amountBaseUnits: BigInt(row.amountBaseUnits),
      confirmations: Number(row.confirmations),
      confirmationsRequired: confirmationsRequired(chainId),
    }
  })
}

/** null means any. */
export interface DepositFilter {
  state: DepositState | null
  reason: DepositReason | null
}

const MAX_BLOCK_NUMBER = 2n ** 63n - 1n

/**
 * Lists recorded deposits, newest block first: of one payer or of all (`payer` null), in the state and for the reason that
 * the filter names. The keyset is the block number and the id, `<blockNumber>:<id>`.
 */
export async function listDeposits(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  { payer, state, reason }: DepositFilter & { payer: Address | null },
  { cursor, limit }: PageRequest,
): Promise<Page<DepositView>> {
  const after = cursor === null ? null : parseCursor(cursor)
  if (after === 'bad_cursor') return { kind: 'bad_cursor' }
  const rows = await queryDepositViews(
    sql,
    confirmationsRequired,
    // Ids ascend within a block, as in the index by payer, so that a page is read straight from the index.
    sql`
      where true
        ${payer === null ? sql`` : sql`and d.payer = ${payer}`}
        ${state === null ? sql`` : sql`and d.state = ${state}`}
        ${reason === null ? sql`` : sql`and d.reason = ${reason}`}
        ${
          after === null
            ? sql``
            : sql`and d.block_number <= ${after.blockNumber}
                and (d.block_number < ${after.blockNumber} or d.id > ${after.id})`
        }
      order by d.block_number desc nulls last, d.id
      limit ${limit + 1}`,
  )
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const more = rows.length > limit && last !== undefined
  return { kind: 'page', items, nextKey: more ? `${last.blockNumber}:${last.id}` : null }
}

function parseCursor(cursor: string): { blockNumber: bigint; id: string } | 'bad_cursor' {
  const match = /^(\d{1,19}):(\d{1,16}-0x[0-9a-f]{64}-[a-z]{1,10}-0x[0-9a-f]{40})$/.exec(cursor)
  if (match?.[1] === undefined || match[2] === undefined) return 'bad_cursor'
  const blockNumber = BigInt(match[1])
  return blockNumber > MAX_BLOCK_NUMBER ? 'bad_cursor' : { blockNumber, id: match[2] }
}

/** Reads deposits by id, or all recorded deposits of a transaction, ordered by id. Ids without a deposit are left out. */
export async function readDeposits(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  key: { id: string } | { ids: string[] } | { txHash: Hash },
): Promise<DepositView[]> {
  const condition =
    'txHash' in key
      ? sql`d.tx_hash = ${key.txHash}`
      : sql`d.id = any(${'ids' in key ? key.ids : [key.id]}::text[])`
  return queryDepositViews(sql, confirmationsRequired, sql`where ${condition} order by d.id`)
}

/** One credit of a deposit, with its quote as stored. */
export interface CreditView {
  attempt: number
  entryId: bigint
  /** null while it stands. */
  reversalEntryId: bigint | null
  amountBaseUnits: bigint
  micros: bigint
  /** As `quoteToJson` wrote it. */
  quote: unknown
  blockNumber: bigint
  blockHash: string
  createdAt: Date
}

/** Reads every credit a deposit has had, first to last; more than one only after reversals. */
export async function readCredits(sql: Sql, depositId: string): Promise<CreditView[]> {
  const rows = await sql<(Omit<CreditView, 'amountBaseUnits'> & { amountBaseUnits: string })[]>`
    select attempt, entry_id as "entryId", reversal_entry_id as "reversalEntryId",
      amount_base_units as "amountBaseUnits", micros, quote, block_number as "blockNumber",
      block_hash as "blockHash", created_at as "createdAt"
    from credits.deposit_credit where deposit_id = ${depositId} order by attempt`
  return rows.map((row) => ({ ...row, amountBaseUnits: BigInt(row.amountBaseUnits) }))
}

/** A deposit as callers see it: from the database where it is recorded, from the RPCs where it is not yet. */
export interface DepositView {
  /** `<chainId>-<txHash>-<asset>-<payer>` */
  id: string
  txHash: Hash
  chainId: number
  rail: Rail
  payer: Address
  amountBaseUnits: bigint
  state: DepositState
  reason: DepositReason | null
  /** The reason in one sentence, for the operator only, since it may name an RPC's host. */
  detail: string | null
  /** head − block + 1; 0 while the transaction is only in the mempool or its block is no longer canonical. */
  confirmations: number
  confirmationsRequired: number
  /** What was credited; null before that. */
  creditMicros: bigint | null
  /** null while only in the mempool. */
  blockNumber: bigint | null
  /** When a held deposit is looked at next. */
  retryAt: Date | null
  /** The time of its block; null while it is not recorded. */
  blockTime: Date | null
  /** When the standing credit was made. */
  creditedAt: Date | null
}
