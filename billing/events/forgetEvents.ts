import { pause } from '../clock/pause.ts'
import type { Sql } from '../database/connect.ts'

export interface ForgetOptions {
  /** How old an event is when it is deleted, in days, by the database's clock. */
  keepDays: number
  /** Events up to there were looked at before in this round. */
  afterSeq: bigint
  /** How many are looked at, and deleted at most. */
  limit: number
}

/** What came of one batch. */
export interface Forgotten {
  events: number
  /** From where the next batch goes on; null: what comes next is too young. */
  nextSeq: bigint | null
}

/**
 * Deletes published events that are old, with their deliveries and attempts: one bounded batch, the oldest first. Not one
 * that is still to be delivered, though its receiver may be disabled; nor the newest of all, by which the next one gets its
 * place. How far was deleted is written down in the same transaction, so that whoever resumes from before is told so.
 *
 * Idempotent. An event that is redelivered at that very moment makes the batch fail and nothing be deleted.
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

const EVERY_MS = 10 * 60_000
/** Events of one transaction: some ten milliseconds. */
const AT_ONCE = 1_000

export interface ForgettingOptions {
  keepDays: number
  stop: AbortSignal
  /** Told of every round that fails. */
  onProblem: (error: unknown) => void
}

/**
 * Deletes events that are older than they are kept for, until stopped. Only the leader runs it, to save work. A round that
 * fails is tried again at its next time.
 */
export async function runForgetting(
  sql: Sql,
  { keepDays, stop, onProblem }: ForgettingOptions,
): Promise<void> {
  while (!stop.aborted) {
    try {
      let afterSeq: bigint | null = 0n
      while (afterSeq !== null && !stop.aborted) {
        const { nextSeq } = await forgetEvents(sql, { keepDays, afterSeq, limit: AT_ONCE })
        afterSeq = nextSeq
      }
    } catch (error) {
      onProblem(error)
    }
    await pause(EVERY_MS, stop)
  }
}
