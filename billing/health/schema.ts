import { sql } from 'drizzle-orm'
import { check, text } from 'drizzle-orm/pg-core'
import { credits, instant } from '../database/schema.ts'

/** When a check of the whole last ended with everything in order; an alarm says when that is too long ago. */
export const passedCheck = credits.table(
  'passed_check',
  {
    what: text('what', { enum: ['verify', 'reconcile'] }).primaryKey(),
    passedAt: instant('passed_at').notNull(),
  },
  (table) => [check('passed_check_is_known', sql`${table.what} in ('verify', 'reconcile')`)],
)
