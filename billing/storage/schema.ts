import { sql } from 'drizzle-orm'
import { bigint, check, index, numeric, text, timestamp } from 'drizzle-orm/pg-core'
import { credits } from '../ledger/schema.ts'
import { meter } from '../metering/schema.ts'

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const big = (name: string) => bigint(name, { mode: 'bigint' })

/** A stored volume, as the operator's system reports it. */
export const volume = credits.table(
  'volume',
  {
    id: text('id').primaryKey(),
    account: text('account')
      .notNull()
      .references(() => meter.account),
    sizeBytes: big('size_bytes').notNull(),
    /** The owner's idle time up to which it is billed: the same moment is never billed twice, whoever bills. */
    billedIdleMicros: big('billed_idle_micros').notNull(),
    /** What a floor left over, so that many small bills sum to the exact whole. */
    remainder: numeric('remainder').notNull().default('0'),
    totalBilledMicros: big('total_billed_micros').notNull().default(sql`0`),
    createdAt: instant('created_at').notNull(),
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    index('volume_live').on(table.account).where(sql`${table.deletedAt} is null`),
    check('volume_size_is_not_negative', sql`${table.sizeBytes} >= 0`),
    check('volume_has_billed_something_or_nothing', sql`${table.totalBilledMicros} >= 0`),
  ],
)
