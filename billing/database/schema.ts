import { sql } from 'drizzle-orm'
import { bigint, boolean, check, pgSchema, text, timestamp } from 'drizzle-orm/pg-core'

/** Everything durable lives in this schema; the indexer's tables are only a cache of the chain. */
export const credits = pgSchema('credits')

/** A `timestamptz` column, which is a `Date` in TypeScript. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** A `bigint` column, which is a bigint in TypeScript too. */
export const big = (name: string) => bigint(name, { mode: 'bigint' })

/** Which sources the database's SQL functions were made from. One row, none before the first time; see `applyFunctions`. */
export const appliedFunctions = credits.table(
  'applied_functions',
  {
    one: boolean('one').primaryKey().default(true),
    /** Of all the functions.sql together, in hexadecimal. */
    sha256: text('sha256').notNull(),
    appliedAt: instant('applied_at').notNull().defaultNow(),
  },
  (table) => [check('applied_functions_is_one', sql`${table.one}`)],
)
