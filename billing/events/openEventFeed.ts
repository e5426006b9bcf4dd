import type { Address } from 'viem'
import { createWaker, workWhenWoken } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import type { EventKind } from './schema.ts'

/** Should a notification be lost, its event is told this much later. */
const LOOKED_EVERY_MS = 1_000
const AT_ONCE = 1_000

/** What event streams are fed from. It says when there is something new; a stream reads it, in order, when it can send it. */
export interface EventFeed {
  /** Aborted when the process stops: nothing will be told any more. */
  stopped: AbortSignal
  /** Resolves when it has stopped, and asks the database no more. */
  over: Promise<void>
  /** Calls `wake` after each time that events of the account were published, until the answer is called. */
  subscribe(account: Address, wake: () => void): () => void
  seqs(): Promise<Seqs>
  count(account: Address, range: { after: bigint; limit: number }): Promise<number>
  read(account: Address, range: { after: bigint; limit: number }): Promise<AccountEvent[]>
}

export interface EventFeedOptions {
  stop: AbortSignal
  /** Told when reading fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/**
 * Opens the feed of this process, until stopped. Whoever subscribes first and reads then misses nothing: everything
 * published after that read wakes it.
 */
export async function openEventFeed(sql: Sql, { stop, onProblem }: EventFeedOptions): Promise<EventFeed> {
  const subscribers = new Map<string, Set<() => void>>()
  const waker = createWaker()
  let { newest: last } = await readSeqs(sql)
  const listening = await sql.listen('credits_published', waker.wake, waker.wake)

  async function dispatch(): Promise<void> {
    for (;;) {
      // Read also while nobody has subscribed: who does so meanwhile must be woken for what it could not see.
      const rows = await sql<{ account: string; seq: bigint }[]>`
        select account, seq from credits.outbox_event where seq > ${last} order by seq limit ${AT_ONCE}`
      last = rows.at(-1)?.seq ?? last
      for (const account of new Set(rows.map((row) => row.account))) {
        for (const wake of subscribers.get(account) ?? []) wake()
      }
      if (rows.length < AT_ONCE) return
    }
  }

  const over = workWhenWoken(dispatch, { waker, everyMs: LOOKED_EVERY_MS, stop, onProblem }).then(() =>
    listening.unlisten().catch(() => {}),
  )

  return {
    stopped: stop,
    over,
    subscribe(account, wake) {
      const of = subscribers.get(account) ?? new Set()
      of.add(wake)
      subscribers.set(account, of)
      return () => {
        of.delete(wake)
        if (of.size === 0 && subscribers.get(account) === of) subscribers.delete(account)
      }
    },
    seqs: () => readSeqs(sql),
    count: (account, range) => countAccountEvents(sql, account, range),
    read: (account, range) => readAccountEvents(sql, account, range),
  }
}

/** Reads the published events of an account after a place in the order, oldest first. Nothing ever comes in before them. */
function readAccountEvents(
  sql: Sql,
  account: Address,
  { after, limit }: { after: bigint; limit: number },
): Promise<AccountEvent[]> {
  return sql<AccountEvent[]>`
    select seq, kind, payload from credits.outbox_event
    where account = ${account} and seq > ${after} order by seq limit ${limit}`
}

/** Where the order of published events begins and ends that can still be read. */
export interface Seqs {
  /** Events up to there may be deleted: whoever has not seen so far can not tell what it missed. 0 at first. */
  forgotten: bigint
  /** The place of the event that was published last; 0 before the first. */
  newest: bigint
}

/** Reads from where to where the order of events can be followed. */
export async function readSeqs(sql: Sql): Promise<Seqs> {
  const [row] = await sql<Seqs[]>`
    select (select through_seq from credits.outbox_forgotten) as forgotten,
      (select coalesce(max(seq), 0) from credits.outbox_event) as newest`
  if (row === undefined) throw new Error('a select without a table answered no row')
  return { forgotten: row.forgotten, newest: row.newest }
}

/** Counts the published events of an account after a place in the order, up to `limit`: more are not looked at. */
async function countAccountEvents(
  sql: Sql,
  account: Address,
  { after, limit }: { after: bigint; limit: number },
): Promise<number> {
  const [row] = await sql<{ events: number }[]>`
    select count(*)::int as events from (
      select from credits.outbox_event where account = ${account} and seq > ${after} limit ${limit}
    ) counted`
  return row?.events ?? 0
}

/** A published event of one account. */
export interface AccountEvent {
  /** Its place in the order in which everybody is told. */
  seq: bigint
  kind: EventKind
  payload: unknown
}
