import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { credits, ledgerEntry } from '../ledger/schema.ts'
import { priceSources } from '../pricing/priceView.ts'

export const depositStates = ['pending', 'held', 'credited', 'orphaned', 'reversed', 'rejected'] as const
export type DepositState = (typeof depositStates)[number]

/** Why a deposit is held (can pass) or rejected (can not). */
export const depositReasons = [
  'below_minimum',
  'price_unavailable',
  'state_unavailable',
  'rpc_disagreement',
  'amount_too_large',
  'amount_unclear',
  'daily_cap_reached',
  'rail_disabled',
] as const
export type DepositReason = (typeof depositReasons)[number]

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const big = (name: string) => bigint(name, { mode: 'bigint' })

/**
 * All transfers of one rail from one payer in one transaction. `id` is `<chainId>-<txHash>-<asset>-<payer>`: nothing in
 * it changes when a reorg moves the transaction to another block or log index.
 */
export const deposit = credits.table(
  'deposit',
  {
    id: text('id').primaryKey(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    rail: text('rail').notNull(),
    payer: text('payer').notNull(),
    state: text('state', { enum: depositStates }).notNull(),
    reason: text('reason', { enum: depositReasons }),
    /** The reason in a sentence for the operator: by how much, which RPC, what ends it. Never shown to others. */
    detail: text('detail'),
    /** What the indexer or the submission saw; what is credited is proven anew. */
    amountBaseUnits: numeric('amount_base_units', { precision: 78, scale: 0 }).notNull(),
    blockNumber: big('block_number').notNull(),
    blockHash: text('block_hash').notNull(),
    blockTimestamp: instant('block_timestamp').notNull(),
    /** How often it has been credited; each credit after the first follows a reversal. */
    attempt: integer('attempt').notNull().default(0),
    /** Of the credit that stands; null when none does. */
    creditMicros: big('credit_micros'),
    retryAt: instant('retry_at'),
    /** Consecutive looks that ended held: the exponent of the back-off. */
    failures: integer('failures').notNull().default(0),
    /** The chain's finalized block has passed it: it is not looked at again. */
    final: boolean('final').notNull().default(false),
    firstSeenAt: instant('first_seen_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    creditedAt: instant('credited_at'),
  },
  (table) => [
    unique('deposit_key_is_unique').on(table.chainId, table.txHash, table.rail, table.payer),
    index('deposit_newest').on(table.blockNumber.desc(), table.id.desc()),
    index('deposit_by_payer').on(table.payer, table.blockNumber.desc(), table.id),
    index('deposit_by_transaction').on(table.txHash),
    index('deposit_open')
      .on(table.chainId, table.blockNumber)
      .where(sql`${table.state} in ('pending', 'held', 'orphaned', 'reversed')`),
    index('deposit_watched')
      .on(table.chainId, table.blockNumber)
      .where(sql`${table.state} = 'credited' and not ${table.final}`),
    index('deposit_below_minimum').on(table.payer, table.rail).where(sql`${table.reason} = 'below_minimum'`),
    check('deposit_amount_is_positive', sql`${table.amountBaseUnits} > 0`),
    check(
      'deposit_is_credited_with_micros',
      sql`(${table.state} = 'credited') = (${table.creditMicros} is not null)`,
    ),
    check(
      'deposit_has_a_reason',
      sql`(${table.state} in ('held', 'rejected')) = (${table.reason} is not null)`,
    ),
  ],
)

/**
 * One credit of a deposit, with the quote it was credited by. The partial unique index is the constraint that makes a
 * double credit impossible: a deposit has at most one credit that is not reversed, whoever races whom.
 */
export const depositCredit = credits.table(
  'deposit_credit',
  {
    depositId: text('deposit_id')
      .notNull()
      .references(() => deposit.id),
    attempt: integer('attempt').notNull(),
    entryId: big('entry_id')
      .notNull()
      .unique()
      .references(() => ledgerEntry.id),
    reversalEntryId: big('reversal_entry_id')
      .unique()
      .references(() => ledgerEntry.id),
    amountBaseUnits: numeric('amount_base_units', { precision: 78, scale: 0 }).notNull(),
    micros: big('micros').notNull(),
    quote: jsonb('quote').notNull(),
    blockNumber: big('block_number').notNull(),
    blockHash: text('block_hash').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.depositId, table.attempt] }),
    index('deposit_credit_newest').on(table.createdAt),
    uniqueIndex('deposit_credit_stands_at_most_once')
      .on(table.depositId)
      .where(sql`${table.reversalEntryId} is null`),
    check('deposit_credit_micros_is_positive', sql`${table.micros} > 0`),
  ],
)

/**
 * An operator's release of a held deposit: it was credited as if it had been paid in another block. Written in the
 * transaction of the credit it explains, and append-only like the ledger.
 */
export const depositRelease = credits.table(
  'deposit_release',
  {
    depositId: text('deposit_id').notNull(),
    attempt: integer('attempt').notNull(),
    /** What it was held for. */
    reason: text('reason', { enum: depositReasons }).notNull(),
    detail: text('detail'),
    atBlockNumber: big('at_block_number').notNull(),
    atBlockHash: text('at_block_hash').notNull(),
    deviationAccepted: boolean('deviation_accepted').notNull(),
    releasedBy: text('released_by').notNull(),
    note: text('note'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.depositId, table.attempt] }),
    foreignKey({
      name: 'deposit_release_explains_a_credit',
      columns: [table.depositId, table.attempt],
      foreignColumns: [depositCredit.depositId, depositCredit.attempt],
    }),
  ],
)

/**
 * The price history: each price that a credit was given by, and one noted every few minutes in between. Append-only; a
 * price of a block is written once. What a deposit is worth is never read from here, but from the chain: this is what
 * charts show, and what the next price must not be far from.
 */
export const price = credits.table(
  'price',
  {
    id: big('id').primaryKey().generatedAlwaysAsIdentity(),
    rail: text('rail').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    blockNumber: big('block_number').notNull(),
    blockHash: text('block_hash').notNull(),
    blockTimestamp: instant('block_timestamp').notNull(),
    /** USD per whole unit, floored to 18 decimals. */
    usdPerUnit: numeric('usd_per_unit', { precision: 98, scale: 18 }).notNull(),
    source: text('source', { enum: priceSources }).notNull(),
    /** Of the ETH/USD feed; null at fixed rates. */
    roundId: numeric('round_id', { precision: 78, scale: 0 }),
    feedUpdatedAt: instant('feed_updated_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('price_is_noted_once_a_block').on(table.rail, table.blockHash, table.source),
    index('price_by_time').on(table.rail, table.blockTimestamp.desc(), table.id.desc()),
    check('price_is_not_negative', sql`${table.usdPerUnit} >= 0`),
  ],
)

/** The tokens of a Uniswap v3 pool, kept so that a restart does not need an RPC to be up. They never change. */
export const pool = credits.table(
  'pool',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    address: text('address').notNull(),
    token0: text('token0').notNull(),
    token1: text('token1').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chainId, table.address] })],
)

/** What the gate last knew of a chain: what the API counts confirmations and judges health by. */
export const chainStatus = credits.table('chain_status', {
  chainId: bigint('chain_id', { mode: 'number' }).primaryKey(),
  headNumber: big('head_number').notNull(),
  headHash: text('head_hash').notNull(),
  headTimestamp: instant('head_timestamp').notNull(),
  /** When the head last became another one. */
  headChangedAt: instant('head_changed_at').notNull(),
  finalizedNumber: big('finalized_number').notNull(),
  /** A block that was canonical when every standing, unfinalised credit at or below it was last seen canonical. */
  anchorNumber: big('anchor_number'),
  anchorHash: text('anchor_hash'),
  /** Credits since then were not yet seen under the anchor, and are asked about one by one. */
  anchoredAt: instant('anchored_at'),
  /** Up to where token transfers were looked for without the indexer. */
  sweptNumber: big('swept_number'),
  passedAt: instant('passed_at').notNull(),
  /** null when the last pass was clean, else one sentence for the operator. */
  problem: text('problem'),
})

/** How far the gate has read each schema of the indexer; another schema starts over. */
export const indexerCursor = credits.table(
  'indexer_cursor',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    indexerSchema: text('indexer_schema').notNull(),
    blockNumber: big('block_number').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chainId, table.indexerSchema] })],
)

/** A token's own word about itself, kept so that a restart does not need an RPC to be up. Read from the chain once. */
export const token = credits.table(
  'token',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    address: text('address').notNull(),
    symbol: text('symbol').notNull(),
    decimals: integer('decimals').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chainId, table.address] })],
)

/** A hash somebody handed in before it was mined: looked for until it is, so that it needs no row from the indexer. */
export const submittedTransaction = credits.table(
  'submitted_transaction',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    submittedAt: instant('submitted_at').notNull().defaultNow(),
    retryAt: instant('retry_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.chainId, table.txHash] })],
)
