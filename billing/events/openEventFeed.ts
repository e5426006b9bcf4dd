import type { Address } from 'viem'
import { createWaker, workWhenWoken } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import type { EventKind } from './schema.ts'

/** If a notification is lost, its event is noticed this much later. */
const POLL_INTERVAL_MS = 1_000
const MAX_EVENTS_PER_READ = 1_000

/** The source of event streams: it wakes a stream when there are new events, which the stream reads when it can send. */
export interface EventFeed {
  /** Aborted when the process stops: nothing more will be announced. */
  stopped: AbortSignal
  /** Resolves when the feed has stopped and no longer queries the database. */
  over: Promise<void>
  /** Calls `wake` whenever events of the account have been published. Returns the function that unsubscribes. */
  subscribe(account: Address, wake: () => void): () => void
  seqs(): Promise<Seqs>
  count(account: Address, range: { after: bigint; limit: number }): Promise<number>
  read(account: Address, range: { after: bigint; limit: number }): Promise<AccountEvent[]>
}

export interface EventFeedOptions {
  stop: AbortSignal
  /** Called when reading fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/**
 * Opens the feed of this process, which runs until stopped. A client that subscribes first and reads afterwards misses
 * nothing: everything published after its read wakes it.
 */
export async function openEventFeed(sql: Sql, { stop, onProblem }: EventFeedOptions): Promise<EventFeed> {
  const subscribers = new Map<string, Set<() => void>>()
  const waker = createWaker()
  let { newest: last } = await readSeqs(sql)
  const listening = await sql.listen('credits_published', waker.wake, waker.wake)

  async function dispatch(): Promise<void> {
    for (;;) {
      // Also without subscribers: one that arrives during this read must be woken for what its own read did not see.
      const rows = await sql<{ account: string; seq: bigint }[]>`
        select account, seq from credits.outbox_event where seq > ${last} order by seq limit ${MAX_EVENTS_PER_READ}`
      last = rows.at(-1)?.seq ?? last
      for (const account of new Set(rows.map((row) => row.account))) {
        for (const wake of subscribers.get(account) ?? []) wake()
      }
      if (rows.length < MAX_EVENTS_PER_READ) return
    }
  }

  const over = workWhenWoken(dispatch, { waker, everyMs: POLL_INTERVAL_MS, stop, onProblem }).then(() =>
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

/** Reads an account's published events after a place in the order, oldest first. No event is ever inserted before them. */
function readAccountEvents(
  sql: Sql,
  account: Address,
  { after, limit }: { after: bigint; limit: number },
): Promise<AccountEvent[]> {
  return sql<AccountEvent[]>`
    select seq, kind, payload from credits.outbox_event
    where account = ${account} and seq > ${after} order by seq limit ${limit}`
}

/** The range of published events that can still be read. */
export interface Seqs {
  /** Events up to this one may be deleted: a client that has not seen it cannot tell what it missed. 0 at first. */
  forgotten: bigint
  /** The place of the newest published event; 0 before the first. */
  newest: bigint
}

/** Reads the range of published events that can still be read. */
export async function readSeqs(sql: Sql): Promise<Seqs> {
  const [row] = await sql<Seqs[]>`
    select (select through_seq from credits.outbox_forgotten) as forgotten,
      (select coalesce(max(seq), 0) from credits.outbox_event) as newest`
  if (row === undefined) throw new Error('a select without a table answered no row')
  return { forgotten: row.forgotten, newest: row.newest }
}

/** Counts an account's published events after a place in the order, up to `limit`. */
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
  /** Its place in the one order of all published events. */
  seq: bigint
  kind: EventKind
  payload: unknown
}
