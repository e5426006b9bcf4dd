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
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { big, credits, instant } from '../database/schema.ts'
import { ledgerEntry } from '../ledger/schema.ts'

/** `rejected` was written by versions before 0.2; nothing is rejected any more. */
export const depositStates = ['pending', 'held', 'credited', 'orphaned', 'reversed', 'rejected'] as const

export type DepositState = (typeof depositStates)[number]

/** Why a deposit is held. Every reason can pass; what ends it is in docs/architecture.md. */
export const depositReasons = [
  'below_minimum',
  'price_unavailable',
  'state_unavailable',
  'rpc_disagreement',
  'evidence_unavailable',
  'payment_not_seen',
  'amount_too_large',
  'amount_unclear',
  'daily_cap_reached',
  'rail_disabled',
  'setup_changed',
] as const

export type DepositReason = (typeof depositReasons)[number]

/** How a payment was seen: a token's log, a call frame, or the value of the transaction itself. */
export const waysToSee = ['logs', 'traces', 'transactions'] as const

export type WayToSee = (typeof waysToSee)[number]

/**
 * All transfers of one rail from one payer in one transaction. `id` is `<chainId>-<txHash>-<asset>-<payer>`: it does not
 * change when a reorg moves the transaction to another block or log index.
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
    /** The reason in one sentence, for the operator only: by how much, which RPC, what resolves it. */
    detail: text('detail'),
    /** What the indexer or the submission saw; proven again before it is credited. */
    amountBaseUnits: numeric('amount_base_units', { precision: 78, scale: 0 }).notNull(),
    blockNumber: big('block_number').notNull(),
    blockHash: text('block_hash').notNull(),
    blockTimestamp: instant('block_timestamp').notNull(),
    /** The most that any source saw; null in rows of before 0.2, and until it is seen in the block a reorg moved it to. */
    seenBaseUnits: numeric('seen_base_units', { precision: 78, scale: 0 }),
    /** Under which revenue wallet and token contract it was seen (null for ETH), and how. Null: not kept. */
    seenWallet: text('seen_wallet'),
    seenToken: text('seen_token'),
    seenBy: text('seen_by', { enum: waysToSee }),
    /** How many times it has been credited; each credit after the first follows a reversal. */
    attempt: integer('attempt').notNull().default(0),
    /** The standing credit; null when there is none. */
    creditMicros: big('credit_micros'),
    retryAt: instant('retry_at'),
    /** Consecutive looks with the same outcome: the exponent of the back-off. */
    failures: integer('failures').notNull().default(0),
    /** The chain's finalized block has passed it: it is no longer watched. */
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
    check('deposit_seen_amount_is_positive', sql`${table.seenBaseUnits} > 0`),
    check('deposit_seen_by_is_known', sql`${table.seenBy} in ('logs', 'traces', 'transactions')`),
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
 * One credit of a deposit, with its quote. The partial unique index makes a double credit impossible: a deposit has at most
 * one credit that is not reversed, however many processes race.
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
    // Finds the credits at an AXGT price a day before and after a block.
    index('deposit_credit_by_price_time')
      .on(sql`((quote->'price'->'reading'->'block'->>'timestamp')::bigint)`)
      .where(sql`quote->'price'->>'mode' = 'twap'`),
    uniqueIndex('deposit_credit_stands_at_most_once')
      .on(table.depositId)
      .where(sql`${table.reversalEntryId} is null`),
    check('deposit_credit_micros_is_positive', sql`${table.micros} > 0`),
  ],
)

/**
 * An operator's release of a held deposit, which was credited as if it had been paid in another block. Written in the
 * transaction of the credit it explains, and append-only like the ledger.
 */
export const depositRelease = credits.table(
  'deposit_release',
  {
    depositId: text('deposit_id').notNull(),
    attempt: integer('attempt').notNull(),
    /** Why it was held. */
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

/** A hash submitted before it was mined: searched for until it is, so that it needs no row from the indexer. */
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

/**
 * Transactions of which every payment has been read, by the strongest way that the chain's RPCs offered: nobody else's
 * money in them is unknown. Good for one block; a reorg makes it void.
 */
export const readTransaction = credits.table(
  'read_transaction',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    blockHash: text('block_hash').notNull(),
    seenBy: text('seen_by', { enum: ['traces', 'transactions'] }).notNull(),
    readAt: instant('read_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.chainId, table.txHash] }),
    check('read_transaction_seen_by_is_known', sql`${table.seenBy} in ('traces', 'transactions')`),
  ],
)
