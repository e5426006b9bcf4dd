import type { Socket } from 'node:net'
import pLimit, { type LimitFunction } from 'p-limit'
import type { Address } from 'viem'
import { createWaker } from '../../clock/createWaker.ts'
import type { DepositProgress } from '../../deposits/openDepositProgress.ts'
import type { EventFeed } from '../../events/openEventFeed.ts'
import { loggableError } from '../../log/loggableError.ts'
import type { AppDeps } from '../appDeps.ts'
import { balanceJson } from '../json/accountJson.ts'
import { createProgressTeller, type ProgressTeller } from './createProgressTeller.ts'
import { createStreamWriter, type StreamWriter } from './createStreamWriter.ts'
import { eventStreamMessages, type StreamMessage } from './eventStreamMessages.ts'

const RETRY_MS = 2_000
/** More that a client has missed are not told one by one: it is told to load anew. */
const MISSED_AT_MOST = 1_000
/** Events of one stream that are in memory at once. */
const PAGE = 64
/** Streams that ask the database at once: thousands that come back after a restart must not crowd out heartbeats. */
const ASKING_AT_ONCE = 4

/** Timers may be a little early. */
const TIMER_SLACK_MS = 5

/** How patient streams are; tests are less so. */
export interface EventStreamTimes {
  /** Between two comments on an idle stream, which keep proxies from closing it. */
  heartbeatMs: number
  /** How long a client may read nothing of what waits for it. */
  stalledMs: number
}

/** Who listens, and from where on. */
export interface Listener {
  wallet: Address
  token: string
  /** Of the last message the client has seen; null: it is new. */
  lastEventId: string | null
  /** Cut when its client does not read; null where there is none, as in `app.request()`. */
  socket: Socket | null
  /** Called once, when the stream is over. */
  onEnd: () => void
}

/**
 * Makes the streams of events. A stream reads its account's events from the outbox, in their one order, as fast as its
 * client reads and no faster, so what is in memory of a stream does not grow with what there is to tell; it is woken by the
 * feed. Each begins with what was missed since `lastEventId`, then the balance.
 *
 * Between events it says how far pending deposits are, as of the latest look at them that all streams share. Such a message
 * has no id, so it moves nobody on.
 *
 * A stream ends when its client leaves or reads nothing for too long, when its token is no longer good (looked at before
 * an event is told, and with every comment), and when the process stops. The client comes back by itself and misses nothing.
 */
export function eventStreams(
  deps: StreamDeps,
  times: EventStreamTimes,
): (listener: Listener) => ReadableStream<Uint8Array> {
  const asking = pLimit(ASKING_AT_ONCE)
  const open = new Set<AbortController>()
  deps.events.feed.stopped.addEventListener('abort', () => {
    for (const over of open) over.abort()
  })

  return (listener) => {
    const writer = createStreamWriter({ socket: listener.socket, stalledMs: times.stalledMs })
    open.add(writer.over)
    tellEvents(deps, { listener, writer, asking, heartbeatMs: times.heartbeatMs })
      .catch((error: unknown) =>
        deps.logger.error({ err: loggableError(error, deps.config) }, 'a stream of events broke'),
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

/** Tells one listener until it is over. */
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
        const page = await asking(() => feed.read(wallet, { after: seq, limit: PAGE }))
        const messages = await asking(() => eventStreamMessages(deps, wallet, page))
        teller.noteEvents(messages)
        for (const message of messages) await send(message)
        seq = page.at(-1)?.seq ?? seq
        isDue ||= page.length === PAGE
        if (page.length === PAGE) continue
      }
      if (!isCaughtUp) {
        const { forgotten, newest } = await asking(() => feed.seqs())
        // What was missed was deleted before all of it was read.
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

  // Before anything is read: what is published after that read wakes us.
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

/** Of a look that is older than what was told by events, nothing: another one is asked for. */
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

/** Where a stream begins: after what the client has seen, or, where that can not be told, at the newest. */
async function startOf(
  feed: EventFeed,
  wallet: Address,
  lastEventId: string | null,
): Promise<{ seq: bigint; isReset: boolean }> {
  const { forgotten, newest } = await feed.seqs()
  if (lastEventId === null) return { seq: newest, isReset: false }
  const seq = /^\d{1,18}$/.test(lastEventId) ? BigInt(lastEventId) : null
  // An id that was never given is of another database.
  if (seq === null || seq > newest || seq < forgotten) return { seq: newest, isReset: true }
  const missed = await feed.count(wallet, { after: seq, limit: MISSED_AT_MOST + 1 })
  return missed > MISSED_AT_MOST ? { seq: newest, isReset: true } : { seq, isReset: false }
}

async function readBalance({ metering }: StreamDeps, wallet: Address) {
  return balanceJson(await metering.readAccount(wallet))
}

function resetAt(seq: bigint): StreamMessage {
  return { id: seq, event: 'reset', data: {} }
}

/** JSON has no line ends, so a message is always one line of data. */
function messageText({ id, event, data }: StreamMessage): string {
  const place = id === null ? '' : `id: ${id}\n`
  return `event: ${event}\n${place}data: ${JSON.stringify(data)}\n\n`
}
