import { sql } from 'drizzle-orm'
import { bigint, check, index, numeric, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { big, credits, instant } from '../database/schema.ts'
import { priceSources } from '../pricing/oracleReading.ts'

/**
 * The price history: each price that a credit used, and one recorded every few minutes in between. Append-only; the price of
 * a block is written once. Deposits are never priced from here but from the chain: this table is for charts, and for
 * comparing the next price with the last.
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
    /** Round of the ETH/USD feed; null at fixed rates. */
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
