import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { big, instant } from '../database/columns.ts'
import { account, credits, ledgerEntry } from '../ledger/schema.ts'

export const sessionStates = ['running', 'grace', 'ended'] as const
export type SessionState = (typeof sessionStates)[number]

/** Why a session ended. */
export const sessionEndReasons = [
  'released',
  'heartbeat_timeout',
  'grace_exhausted',
  'ended_by_operator',
] as const
export type SessionEndReason = (typeof sessionEndReasons)[number]

/** What an account is being charged: the row that all metering locks first, in sorted order of accounts. */
export const meter = credits.table(
  'meter',
  {
    account: text('account')
      .primaryKey()
      .references(() => account.address),
    /** Usage billed and not yet posted to the ledger: what the account may spend is its balance less this. */
    unpostedMicros: big('unposted_micros').notNull().default(sql`0`),
    /** How much of the grace allowance is used, in microseconds of session time; a deposit sets it back to 0. */
    graceUsedMicros: big('grace_used_micros').notNull().default(sql`0`),
    /** Sessions that have not ended. While there are any, stored volumes cost nothing. */
    liveSessions: integer('live_sessions').notNull().default(0),
    /** The total time in which no session was live, up to `idleSince`. */
    idleMicros: big('idle_micros').notNull().default(sql`0`),
    /** Since when no session is live; null while one is. */
    idleSince: instant('idle_since'),
    /** The low-balance warning was sent and the balance has not recovered since. */
    isLow: boolean('is_low').notNull().default(false),
    /** The step of the storage debt limit that was last warned of: 0, 50, 80 or 100 percent. */
    debtPercent: integer('debt_percent').notNull().default(0),
  },
  (table) => [
    check('meter_unposted_is_not_negative', sql`${table.unpostedMicros} >= 0`),
    check('meter_grace_is_not_negative', sql`${table.graceUsedMicros} >= 0`),
    check(
      'meter_is_idle_without_sessions',
      sql`(${table.liveSessions} = 0) = (${table.idleSince} is not null)`,
    ),
  ],
)

/**
 * One desktop, from its start to its end. No index covers a column that a heartbeat changes, so a heartbeat writes the row
 * and no index.
 */
export const session = credits.table(
  'session',
  {
    id: text('id').primaryKey(),
    account: text('account')
      .notNull()
      .references(() => meter.account),
    profile: text('profile').notNull(),
    gpus: integer('gpus').notNull(),
    state: text('state', { enum: sessionStates }).notNull(),
    endReason: text('end_reason', { enum: sessionEndReasons }),
    startedAt: instant('started_at').notNull(),
    /** Every moment before this has been billed, or is never to be. */
    billedThrough: instant('billed_through').notNull(),
    lastBeatAt: instant('last_beat_at').notNull(),
    totalBilledMicros: big('total_billed_micros').notNull().default(sql`0`),
    /** The hour that `hourMicros` was billed in. */
    hour: instant('hour').notNull(),
    /** Billed in that hour, and not yet a row of `usage`. */
    hourMicros: big('hour_micros').notNull().default(sql`0`),
    endedAt: instant('ended_at'),
  },
  (table) => [
    index('session_live').on(table.account).where(sql`${table.state} <> 'ended'`),
    index('session_newest').on(table.account, table.startedAt.desc(), table.id.desc()),
    check('session_uses_gpus', sql`${table.gpus} > 0`),
    check(
      'session_has_billed_something_or_nothing',
      sql`${table.totalBilledMicros} >= ${table.hourMicros} and ${table.hourMicros} >= 0`,
    ),
    check(
      'session_is_ended_with_a_reason',
      sql`(${table.state} = 'ended') = (${table.endReason} is not null and ${table.endedAt} is not null)`,
    ),
    check('session_is_not_billed_ahead', sql`${table.billedThrough} >= ${table.startedAt}`),
  ],
)

/**
 * What one session or volume used in one hour. It becomes one ledger entry after the hour is over; until then it is part of
 * the meter's `unpostedMicros`.
 */
export const usage = credits.table(
  'usage',
  {
    source: text('source', { enum: ['session', 'volume'] }).notNull(),
    sourceId: text('source_id').notNull(),
    hour: instant('hour').notNull(),
    account: text('account')
      .notNull()
      .references(() => meter.account),
    micros: big('micros').notNull(),
    entryId: big('entry_id')
      .unique()
      .references(() => ledgerEntry.id),
  },
  (table) => [
    primaryKey({ columns: [table.source, table.sourceId, table.account, table.hour] }),
    index('usage_unposted').on(table.hour, table.account).where(sql`${table.entryId} is null`),
    index('usage_by_account').on(table.account, table.hour.desc()),
    check('usage_is_positive', sql`${table.micros} > 0`),
  ],
)

/**
 * The clock that all metering goes by: the database's, less the jumps it made. One row. Unless a process that serves
 * heartbeats has ticked lately, nothing is billed and nothing expires.
 */
export const meteringClock = credits.table(
  'metering_clock',
  {
    one: boolean('one').primaryKey().default(true),
    skewMicros: big('skew_micros').notNull().default(sql`0`),
    /** Since when heartbeats can be received without a gap. */
    aliveSince: instant('alive_since'),
    /** The last tick. */
    aliveAt: instant('alive_at'),
  },
  (table) => [check('metering_clock_is_one', sql`${table.one}`)],
)

/** A stored volume, as the operator's system reports it. */
export const volume = credits.table(
  'volume',
  {
    id: text('id').primaryKey(),
    account: text('account')
      .notNull()
      .references(() => meter.account),
    sizeBytes: big('size_bytes').notNull(),
    /** The owner's idle time up to which it is billed, so that no moment is billed twice, whoever bills. */
    billedIdleMicros: big('billed_idle_micros').notNull(),
    /** What rounding down left over, so that many small bills add up to the exact whole. */
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
