import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { big, credits, instant } from '../database/schema.ts'
import { deposit } from '../deposits/schema.ts'
import { account, ledgerEntry } from '../ledger/schema.ts'

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
    /** Grace used since the last refill, in micros of one GPU; a deposit sets it back to 0. */
    graceUsedMicros: big('grace_used_micros').notNull().default(sql`0`),
    /** All grace ever used, in micros of one GPU: what its sessions used together. Never set back. */
    graceTotalMicros: big('grace_total_micros').notNull().default(sql`0`),
    /** Sessions that have not ended. While there are any, stored volumes cost nothing. */
    liveSessions: integer('live_sessions').notNull().default(0),
    /** The total time in which no session was live, up to `idleSince`. */
    idleMicros: big('idle_micros').notNull().default(sql`0`),
    /** Since when no session is live; null while one is. */
    idleSince: instant('idle_since'),
    /** Idle over a gap of the clock that waits to be vouched for, and no longer idle since then. */
    gapIdle: boolean('gap_idle').notNull().default(false),
    /** The low-balance warning was sent and the balance has not recovered since. */
    isLow: boolean('is_low').notNull().default(false),
    /** The step of the storage debt limit that was last warned of: 0, 50, 80 or 100 percent. */
    debtPercent: integer('debt_percent').notNull().default(0),
  },
  (table) => [
    check('meter_unposted_is_not_negative', sql`${table.unpostedMicros} >= 0`),
    check('meter_grace_is_not_negative', sql`${table.graceUsedMicros} >= 0`),
    check('meter_grace_used_is_of_all', sql`${table.graceUsedMicros} <= ${table.graceTotalMicros}`),
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
    /** The grace it used, in micros of one GPU. */
    graceMicros: big('grace_micros').notNull().default(sql`0`),
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
    check('session_grace_is_not_negative', sql`${table.graceMicros} >= 0`),
    check(
      'session_is_ended_with_a_reason',
      sql`(${table.state} = 'ended') = (${table.endReason} is not null and ${table.endedAt} is not null)`,
    ),
    check('session_is_not_billed_ahead', sql`${table.billedThrough} >= ${table.startedAt}`),
  ],
)

/**
 * What refilled the grace of an account: the first credit of each deposit, and never a second one after a reversal. Append-only.
 */
export const graceRefill = credits.table(
  'grace_refill',
  {
    depositId: text('deposit_id')
      .primaryKey()
      .references(() => deposit.id),
    account: text('account')
      .notNull()
      .references(() => account.address),
    /** What the account had used of grace in all until then. */
    graceTotalMicros: big('grace_total_micros').notNull(),
    refilledAt: instant('refilled_at').notNull().defaultNow(),
  },
  (table) => [
    index('grace_refill_by_account').on(table.account),
    check('grace_refill_is_not_negative', sql`${table.graceTotalMicros} >= 0`),
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
    /** What the machine's clock is ahead: its jumps, and downtimes, as long as no chain has vouched for them. */
    skewMicros: big('skew_micros').notNull().default(sql`0`),
    /** Downtimes that were taken for jumps until a chain vouched for them. */
    vouchedMicros: big('vouched_micros').notNull().default(sql`0`),
    /** Of the machine's clock over downtimes of ours: what no chain has vouched for yet. */
    gapMicros: big('gap_micros').notNull().default(sql`0`),
    /** The last tick before the first of these downtimes; null when nothing waits. */
    gapAt: instant('gap_at'),
    /** Since when heartbeats can be received without a gap. */
    aliveSince: instant('alive_since'),
    /** The last tick. */
    aliveAt: instant('alive_at'),
  },
  (table) => [
    check('metering_clock_is_one', sql`${table.one}`),
    check(
      'metering_clock_waits_for_nothing_less',
      sql`${table.gapMicros} >= 0 and ${table.vouchedMicros} >= 0`,
    ),
  ],
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
    /** Since when it is stored at this size by this owner; null: since before this was noted. */
    sizedAt: instant('sized_at'),
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    index('volume_live').on(table.account).where(sql`${table.deletedAt} is null`),
    check('volume_size_is_not_negative', sql`${table.sizeBytes} >= 0`),
    check('volume_has_billed_something_or_nothing', sql`${table.totalBilledMicros} >= 0`),
  ],
)
