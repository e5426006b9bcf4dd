import { pause } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'

export interface ForgetOptions {
  /** The age in days at which an event is deleted, by the database's clock. */
  keepDays: number
  /** Events up to this one were examined earlier in this round. */
  afterSeq: bigint
  /** How many events are examined, and so deleted at most. */
  limit: number
}

/** What came of one batch. */
export interface Forgotten {
  events: number
  /** Where the next batch starts; null: the events that follow are too young. */
  nextSeq: bigint | null
}

/**
 * Deletes old published events with their deliveries and attempts: one bounded batch, oldest first. An event whose delivery
 * is pending is kept, even if its receiver is disabled; so is the newest of all, which decides the place of the next. The
 * same transaction records how far events were deleted, so a client that resumes from before that point can be told.
 *
 * Idempotent. If an event is redelivered at that moment, the batch fails and deletes nothing.
 */
export async function forgetEvents(
  sql: Sql,
  { keepDays, afterSeq, limit }: ForgetOptions,
): Promise<Forgotten> {
  const [row] = await sql<{ seen: number; old: number; lastSeq: bigint | null; events: number }[]>`
    with looked as materialized (
      select id, seq, created_at < clock_timestamp() - ${keepDays} * interval '1 day' as is_old
      from credits.outbox_event where seq > ${afterSeq} order by seq limit ${limit}
    ), due as materialized (
      select id, seq from looked l
      where is_old and seq < (select max(seq) from credits.outbox_event) and not exists (
        select from credits.webhook_delivery d where d.event_id = l.id and d.state = 'pending')
    ), attempts as (
      delete from credits.webhook_attempt a using due where a.event_id = due.id
    ), deliveries as (
      delete from credits.webhook_delivery d using due where d.event_id = due.id and d.state <> 'pending'
    ), events as (
      delete from credits.outbox_event e using due where e.id = due.id
    ), noted as (
      update credits.outbox_forgotten set through_seq = greatest(through_seq, (select max(seq) from due))
      where exists (select from due)
    )
    select (select count(*)::int from looked) as seen, (select count(*)::int from looked where is_old) as old,
      (select max(seq) from looked) as "lastSeq", (select count(*)::int from due) as events`
  if (row === undefined) throw new Error('a select without a table answered no row')
  const isOver = row.seen < limit || row.old < row.seen
  return { events: row.events, nextSeq: isOver ? null : row.lastSeq }
}

const ROUND_INTERVAL_MS = 10 * 60_000
/** A batch of this size takes some ten milliseconds. */
const MAX_EVENTS_PER_TRANSACTION = 1_000

export interface ForgettingOptions {
  keepDays: number
  stop: AbortSignal
  /** Called for every round that fails. */
  onProblem: (error: unknown) => void
}

/**
 * Deletes events past their retention, until stopped. Only the leader runs this, to save work. A round that fails is
 * retried at the next interval.
 */
export async function runForgetting(
  sql: Sql,
  { keepDays, stop, onProblem }: ForgettingOptions,
): Promise<void> {
  while (!stop.aborted) {
    try {
      let afterSeq: bigint | null = 0n
      while (afterSeq !== null && !stop.aborted) {
        const { nextSeq } = await forgetEvents(sql, { keepDays, afterSeq, limit: MAX_EVENTS_PER_TRANSACTION })
        afterSeq = nextSeq
      }
    } catch (error) {
      onProblem(error)
    }
    await pause(ROUND_INTERVAL_MS, stop)
  }
}
