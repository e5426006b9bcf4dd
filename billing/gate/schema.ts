import { bigint, integer, primaryKey, text } from 'drizzle-orm/pg-core'
import { big, instant } from '../database/columns.ts'
import { credits } from '../ledger/schema.ts'

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
  },
  (table) => [primaryKey({ columns: [table.chainId, table.indexerSchema] })],
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
