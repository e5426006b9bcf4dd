import type { Socket } from 'node:net'
import pLimit from 'p-limit'
import type { Address } from 'viem'
import { createWaker } from '../clock/createWaker.ts'
import { loggableError } from '../log/loggableError.ts'
import type { AppDeps } from './appDeps.ts'
import { balanceJson } from './balanceJson.ts'
import { createProgressTeller } from './createProgressTeller.ts'
import { eventStreamMessages, type StreamMessage } from './eventStreamMessages.ts'

const RETRY_MS = 2_000
/** More that a client has missed are not told one by one: it is told to load anew. */
const MISSED_AT_MOST = 1_000
/** Events of one stream that are in memory at once. */
const PAGE = 64
/** Bytes of one stream that wait for the socket, beside the socket's own buffer. */
const UNSENT_BYTES = 64 * 1024
/** How long what is sent last may take when a stream ends. */
const FAREWELL_MS = 500
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
  deps: Pick<AppDeps, 'config' | 'logger' | 'walletTokens' | 'events' | 'metering' | 'volumes'>,
  times: EventStreamTimes,
): (listener: Listener) => ReadableStream<Uint8Array> {
  const asking = pLimit(ASKING_AT_ONCE)
  const { feed, progress } = deps.events
  const open = new Set<AbortController>()
  feed.stopped.addEventListener('abort', () => {
    for (const over of open) over.abort()
  })

  return ({ wallet, token, lastEventId, socket, onEnd }) => {
    const over = new AbortController()
    const room = createWaker()
    const news = createWaker()
    const encoder = new TextEncoder()
    const teller = createProgressTeller()
    let controller: ReadableStreamDefaultController<Uint8Array> | null = null
    /** Whether there may be events to read. */
    let isDue = true
    let readAt = performance.now()

    const isOver = () => over.signal.aborted

    /** Resolves when there is room again, so that whoever sends waits for the client; ends a stream whose client does not read. */
    async function send(text: string): Promise<void> {
      if (isOver() || controller === null) return
      controller.enqueue(encoder.encode(text))
      const until = performance.now() + times.stalledMs
      while (!isOver() && (controller.desiredSize ?? 0) <= 0) {
        const leftMs = until - performance.now()
        if (leftMs <= 0) {
          over.abort()
          socket?.destroy()
          return
        }
        await room.sleep(leftMs, over.signal)
      }
    }

    const isTokenGood = () => asking(async () => (await deps.walletTokens.addressOf(token)) === wallet)

    async function run(): Promise<void> {
      const from = await asking(() => startOf(lastEventId))
      let { seq } = from
      await send(`retry: ${RETRY_MS}\n\n`)
      if (from.isReset) await send(resetAt(seq))
      let isCaughtUp = false
      while (!isOver()) {
        if (isDue) {
          isDue = false
          readAt = performance.now()
          if (!(await isTokenGood())) return
          const { page, messages } = await asking(() => readPage(seq))
          teller.noteEvents(messages)
          for (const message of messages) await send(messageText(message))
          seq = page.at(-1)?.seq ?? seq
          isDue ||= page.length === PAGE
          if (isDue) continue
          if (!isCaughtUp) {
            const { forgotten, newest } = await asking(() => feed.seqs())
            // What was missed was deleted before all of it was read.
            if (from.seq < forgotten) {
              seq = newest
              await send(resetAt(seq))
            }
            await send(messageText(await asking(() => balanceAt(seq))))
          }
          isCaughtUp = true
        }
        await sendProgress()
        await waitForNews()
      }
    }

    /** Of a look that is older than what was told by events, nothing: another one is asked for. */
    async function sendProgress(): Promise<void> {
      const pending = progress.latest(wallet)
      if (pending === null) return
      const changes = teller.changesIn(pending)
      if (changes === 'outdated') progress.refresh(wallet)
      else for (const message of changes) await send(messageText(message))
    }

    /** Returns when there may be something to tell. */
    async function waitForNews(): Promise<void> {
      const until = readAt + times.heartbeatMs
      await news.sleep(Math.max(0, until - performance.now()), over.signal)
      if (performance.now() < until - TIMER_SLACK_MS) return
      isDue = true
      await send(':\n\n')
    }

    async function startOf(resume: string | null): Promise<{ seq: bigint; isReset: boolean }> {
      const { forgotten, newest } = await feed.seqs()
      if (resume === null) return { seq: newest, isReset: false }
      const seq = /^\d{1,18}$/.test(resume) ? BigInt(resume) : null
      // An id that was never given is of another database.
      if (seq === null || seq > newest || seq < forgotten) return { seq: newest, isReset: true }
      const missed = await feed.count(wallet, { after: seq, limit: MISSED_AT_MOST + 1 })
      return missed > MISSED_AT_MOST ? { seq: newest, isReset: true } : { seq, isReset: false }
    }

    async function readPage(after: bigint) {
      const page = await feed.read(wallet, { after, limit: PAGE })
      return { page, messages: await eventStreamMessages(deps, wallet, page) }
    }

    async function balanceAt(seq: bigint): Promise<StreamMessage> {
      const data = balanceJson(await deps.metering.readAccount(wallet))
      return { id: seq, event: 'balance', data }
    }

    return new ReadableStream<Uint8Array>(
      {
        start(it) {
          controller = it
          // Before anything is read: what is published after that read wakes us.
          const unsubscribe = feed.subscribe(wallet, () => {
            isDue = true
            news.wake()
          })
          const unfollow = progress.subscribe(wallet, news.wake)
          open.add(over)
          run()
            .catch((error: unknown) =>
              deps.logger.error({ err: loggableError(error, deps.config) }, 'a stream of events broke'),
            )
            .finally(() => {
              open.delete(over)
              unsubscribe()
              unfollow()
              onEnd()
              end(it, socket)
              over.abort()
            })
        },
        pull: () => room.wake(),
        cancel: () => over.abort(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: UNSENT_BYTES }),
    )
  }
}

/** Says that there is no more, and cuts the connection of a client that does not take it. */
function end(controller: ReadableStreamDefaultController<Uint8Array>, socket: Socket | null): void {
  try {
    controller.close()
  } catch {
    // The client has left: the stream is cancelled already.
    return
  }
  if (socket !== null) setTimeout(() => socket.destroy(), FAREWELL_MS).unref()
}

function resetAt(seq: bigint): string {
  return messageText({ id: seq, event: 'reset', data: {} })
}

/** JSON has no line ends, so a message is always one line of data. */
function messageText({ id, event, data }: StreamMessage): string {
  const place = id === null ? '' : `id: ${id}\n`
  return `event: ${event}\n${place}data: ${JSON.stringify(data)}\n\n`
}
