import { sql } from 'drizzle-orm'
import { boolean, check, text } from 'drizzle-orm/pg-core'
import { credits } from '../ledger/schema.ts'
import { instant } from './columns.ts'

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
