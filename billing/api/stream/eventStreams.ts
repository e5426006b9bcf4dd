import type { Socket } from 'node:net'
import pLimit, { type LimitFunction } from 'p-limit'
import type { Address } from 'viem'
import { createWaker } from '../../clock/createWaker.ts'
import type { DepositProgress, PendingDeposits } from '../../deposits/openDepositProgress.ts'
import type { EventFeed } from '../../events/openEventFeed.ts'
import { loggableError } from '../../log/loggableError.ts'
import type { AppDeps } from '../appDeps.ts'
import { balanceJson } from '../json/accountJson.ts'
import { depositJson } from '../json/depositJson.ts'
import { createStreamWriter, type StreamWriter } from './createStreamWriter.ts'
import { eventStreamMessages, type StreamMessage } from './eventStreamMessages.ts'

const RETRY_MS = 2_000
/** A client that has missed more events is told to reload instead. */
const MAX_MISSED_EVENTS = 1_000
/** Most events of one stream in memory at a time. */
const EVENTS_PER_READ = 64
/** Most streams that read from the database at a time: thousands that reconnect after a restart must not crowd out heartbeats. */
const MAX_CONCURRENT_READS = 4

/** Timers may fire a little early. */
const TIMER_SLACK_MS = 5

/** The timings of streams; tests shorten them. */
export interface EventStreamTimes {
  /** Interval between comments on an idle stream, which keep proxies from closing it. */
  heartbeatMs: number
  /** How long a client may leave waiting data unread. */
  stalledMs: number
}

/** Who listens, and from which position. */
export interface Listener {
  wallet: Address
  token: string
  /** Id of the last message the client has seen; null for a new client. */
  lastEventId: string | null
  /** Cut when the client does not read; null where there is none, as in `app.request()`. */
  socket: Socket | null
  /** Called once, when the stream is over. */
  onEnd: () => void
}

/**
 * Makes the streams of events. A stream reads its account's events from the outbox, in their published order, no faster than
 * its client reads, so its memory does not grow with the number of events; the feed wakes it. Each stream begins with what
 * was missed since `lastEventId`, then the balance.
 *
 * Between events it reports the progress of pending deposits, from the latest reading, which all streams share. Such a
 * message has no id, so it does not change where the client resumes.
 *
 * A stream ends when its client leaves or reads nothing for too long, when its token is no longer good (checked before each
 * event and with every comment), and when the process stops. The client reconnects and misses nothing.
 */
export function eventStreams(
  deps: StreamDeps,
  times: EventStreamTimes,
): (listener: Listener) => ReadableStream<Uint8Array> {
  const asking = pLimit(MAX_CONCURRENT_READS)
  const open = new Set<AbortController>()
  deps.events.feed.stopped.addEventListener('abort', () => {
    for (const over of open) over.abort()
  })

  return (listener) => {
    const writer = createStreamWriter({ socket: listener.socket, stalledMs: times.stalledMs })
    open.add(writer.over)
    tellEvents(deps, { listener, writer, asking, heartbeatMs: times.heartbeatMs })
      .catch((error: unknown) =>
        deps.logger.error({ error: loggableError(error, deps.config) }, 'a stream of events broke'),
      )
      .finally(() => {
        open.delete(writer.over)
        listener.onEnd()
        writer.close()
      })
    return writer.stream
  }
}

type StreamDeps = Pick<AppDeps, 'config' | 'logger' | 'walletTokens' | 'events' | 'metering' | 'volumes'>

interface StreamContext {
  listener: Listener
  writer: StreamWriter
  asking: LimitFunction
  heartbeatMs: number
}

/** Serves one listener until its stream is over. */
async function tellEvents(
  deps: StreamDeps,
  { listener: { wallet, token, lastEventId }, writer, asking, heartbeatMs }: StreamContext,
): Promise<void> {
  const { feed, progress } = deps.events
  const { signal } = writer.over
  const news = createWaker()
  const teller = createProgressTeller()
  /** Whether there may be events to read. */
  let isDue = true
  let isCaughtUp = false

  const send = (message: StreamMessage) => writer.send(messageText(message))
  const isTokenGood = () => asking(async () => (await deps.walletTokens.addressOf(token)) === wallet)

  async function tell(): Promise<void> {
    const from = await asking(() => startOf(feed, wallet, lastEventId))
    let { seq } = from
    await writer.send(`retry: ${RETRY_MS}\n\n`)
    if (from.isReset) await send(resetAt(seq))
    let readAt = performance.now()
    while (!signal.aborted) {
      if (isDue) {
        isDue = false
        readAt = performance.now()
        if (!(await isTokenGood())) return
        const page = await asking(() => feed.read(wallet, { after: seq, limit: EVENTS_PER_READ }))
        const messages = await asking(() => eventStreamMessages(deps, wallet, page))
        teller.noteEvents(messages)
        for (const message of messages) await send(message)
        seq = page.at(-1)?.seq ?? seq
        isDue ||= page.length === EVENTS_PER_READ
        if (page.length === EVENTS_PER_READ) continue
      }
      if (!isCaughtUp) {
        const { forgotten, newest } = await asking(() => feed.seqs())
        // Some of the missed events were deleted before they were read.
        if (from.seq < forgotten) {
          seq = newest
          await send(resetAt(seq))
        }
        await send({ id: seq, event: 'balance', data: await asking(() => readBalance(deps, wallet)) })
        isCaughtUp = true
      }
      await tellProgress(progress, { wallet, teller, send })
      const until = readAt + heartbeatMs
      await news.sleep(Math.max(0, until - performance.now()), signal)
      if (performance.now() < until - TIMER_SLACK_MS) continue
      isDue = true
      await writer.send(':\n\n')
    }
  }

  // Subscribe before reading, so that anything published after the read wakes us.
  const unsubscribe = feed.subscribe(wallet, () => {
    isDue = true
    news.wake()
  })
  const unfollow = progress.subscribe(wallet, news.wake)
  try {
    await tell()
  } finally {
    unsubscribe()
    unfollow()
  }
}

/** Sends nothing from a reading that is older than the events already sent, but asks for a new one. */
async function tellProgress(
  progress: DepositProgress,
  {
    wallet,
    teller,
    send,
  }: { wallet: Address; teller: ProgressTeller; send: (message: StreamMessage) => Promise<void> },
): Promise<void> {
  const pending = progress.latest(wallet)
  if (pending === null) return
  const changes = teller.changesIn(pending)
  if (changes === 'outdated') progress.refresh(wallet)
  else for (const message of changes) await send(message)
}

/** Where a stream begins: after what the client has seen, or at the newest event if that cannot be determined. */
async function startOf(
  feed: EventFeed,
  wallet: Address,
  lastEventId: string | null,
): Promise<{ seq: bigint; isReset: boolean }> {
  const { forgotten, newest } = await feed.seqs()
  if (lastEventId === null) return { seq: newest, isReset: false }
  const seq = /^\d{1,18}$/.test(lastEventId) ? BigInt(lastEventId) : null
  // An id that was never issued comes from another database.
  if (seq === null || seq > newest || seq < forgotten) return { seq: newest, isReset: true }
  const missed = await feed.count(wallet, { after: seq, limit: MAX_MISSED_EVENTS + 1 })
  return missed > MAX_MISSED_EVENTS ? { seq: newest, isReset: true } : { seq, isReset: false }
}

async function readBalance({ metering }: StreamDeps, wallet: Address) {
  return balanceJson(await metering.readAccount(wallet))
}

function resetAt(seq: bigint): StreamMessage {
  return { id: seq, event: 'reset', data: {} }
}

/** JSON contains no line breaks, so a message is always one line of data. */
function messageText({ id, event, data }: StreamMessage): string {
  const place = id === null ? '' : `id: ${id}\n`
  return `event: ${event}\n${place}data: ${JSON.stringify(data)}\n\n`
}

/** What one stream says about pending deposits between their events. */
export interface ProgressTeller {
  /** Notes messages of events just read: nothing older may be sent after them. */
  noteEvents(messages: StreamMessage[]): void
  /** Messages about what changed since the last ones; `outdated` when `pending` is older than events already sent. */
  changesIn(pending: PendingDeposits): StreamMessage[] | 'outdated'
}

/**
 * Makes the teller of one stream. It keeps one line for each deposit that was pending at the last message, and queues
 * nothing: a slow client gets the latest state once it reads.
 */
export function createProgressTeller(): ProgressTeller {
  let told = new Map<string, string>()
  let eventsReadAt = Number.NEGATIVE_INFINITY

  return {
    noteEvents(messages) {
      for (const { event, data } of messages) {
        if (event !== 'deposit') continue
        const deposit = data as ReturnType<typeof depositJson>
        told.set(deposit.id, placeOf(deposit))
        eventsReadAt = performance.now()
      }
    },
    changesIn({ lookedAt, deposits }) {
      if (lookedAt <= eventsReadAt) return 'outdated'
      const messages = deposits.map((deposit) => ({
        id: null,
        event: 'deposit' as const,
        data: depositJson(deposit),
      }))
      const before = told
      told = new Map(messages.map(({ data }) => [data.id, placeOf(data)]))
      return messages.filter(({ data }) => before.get(data.id) !== placeOf(data))
    },
  }
}

/** Everything about a pending deposit that changes: its state, block and confirmations. */
function placeOf({ state, blockNumber, confirmations }: ReturnType<typeof depositJson>): string {
  return `${state} in ${blockNumber}: ${confirmations}`
}
