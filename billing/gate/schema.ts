import { bigint, boolean, index, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { big, credits, instant } from '../database/schema.ts'

/** The tokens of a Uniswap v3 pool, kept so that a restart needs no RPC. They never change. */
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

/** What the gate last knew about a chain. The API counts confirmations and judges health by it. */
export const chainStatus = credits.table('chain_status', {
  chainId: bigint('chain_id', { mode: 'number' }).primaryKey(),
  headNumber: big('head_number').notNull(),
  headHash: text('head_hash').notNull(),
  headTimestamp: instant('head_timestamp').notNull(),
  /** When the head last changed. */
  headChangedAt: instant('head_changed_at').notNull(),
  finalizedNumber: big('finalized_number').notNull(),
  /** A block that was canonical when every standing credit at or below it that is not final was last seen canonical. */
  anchorNumber: big('anchor_number'),
  anchorHash: text('anchor_hash'),
  /** Credits made since then are not covered by the anchor; their blocks are checked one by one. */
  anchoredAt: instant('anchored_at'),
  /** Up to where the sweep has searched for token transfers. */
  sweptNumber: big('swept_number'),
  /** Up to where the gate searched blocks itself while the index was behind. */
  searchedNumber: big('searched_number'),
  /** How the process that makes the passes sees ETH; null before its first pass since 0.2. */
  ethDetection: text('eth_detection', { enum: ['traces', 'transactions'] }),
  /** Null while the helper jobs beside the passes do their work, else one sentence for the operator. */
  jobProblem: text('job_problem'),
  passedAt: instant('passed_at').notNull(),
  /** null when the last pass was clean; otherwise one sentence for the operator. */
  problem: text('problem'),
})

/** How far the gate has read each schema of the indexer; a new schema starts over. */
export const indexerCursor = credits.table(
  'indexer_cursor',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    indexerSchema: text('indexer_schema').notNull(),
    blockNumber: big('block_number').notNull(),
    /** The revenue wallet that this schema indexes; null where it was first read before 0.2. */
    wallet: text('wallet'),
  },
  (table) => [primaryKey({ columns: [table.chainId, table.indexerSchema] })],
)

/**
 * Transactions that could not be traced, by the indexer's RPC or any of ours: what they pay is not known, and each is looked
 * at again by itself. Written by the supervisor too, before the indexer passes over such a transaction.
 */
export const untracedTransaction = credits.table(
  'untraced_transaction',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    blockNumber: big('block_number').notNull(),
    blockHash: text('block_hash').notNull(),
    notedAt: instant('noted_at').notNull().defaultNow(),
    retryAt: instant('retry_at').notNull().defaultNow(),
    /** What came in with its block beyond all that is recorded, in wei; null: not known. */
    missingWei: numeric('missing_wei', { precision: 78, scale: 0 }),
    /** It was read at last, and pays us nothing by what the RPCs say. */
    isRead: boolean('is_read').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.chainId, table.txHash] }),
    index('untraced_transaction_due').on(table.chainId, table.retryAt),
  ],
)

/** What a token says about itself, kept so that a restart needs no RPC. Read from the chain once. */
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
