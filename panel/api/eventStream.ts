import { createParser } from 'eventsource-parser'

/**
 * `connecting`: the first time, or again. `open`: events come as they happen. `lost`: not connected, and trying again.
 * `refused`: the token is not valid, or no longer; final.
 */
export type StreamState = 'connecting' | 'open' | 'lost' | 'refused'

export interface StreamEvent {
  name: string
  /** Parsed JSON. */
  data: unknown
}

export interface EventStreamOptions {
  url: string
  token: string
  onEvent: (event: StreamEvent) => void
  onState: (state: StreamState) => void
  times?: Partial<StreamTimes>
}

/** Tests use shorter ones. */
export interface StreamTimes {
  /** Pause after the first failure; doubled after each. The service's `retry:` sets it. */
  firstPauseMs: number
  longestPauseMs: number
  /** The service says something every 15 s; after this much silence the connection counts as dead. */
  silenceMs: number
}

export interface EventStream {
  /** Tries at once instead of after the pause, because the network or the person is back. */
  wake(): void
  close(): void
}

const TIMES: StreamTimes = { firstPauseMs: 2_000, longestPauseMs: 30_000, silenceMs: 40_000 }

/** How one connection ended. */
type Ending = { kind: 'refused' } | { kind: 'ended'; wasOpen: boolean; pauseMs: number | null }

/**
 * Follows the service's events until closed. `EventSource` cannot send the token in a header, so this uses `fetch` and
 * does the rest of what `EventSource` does: it reconnects (with growing pauses, each a little random, so that not all
 * pages return to a restarted service at once) and says which event it saw last, so nothing is missed.
 */
export function openEventStream(options: EventStreamOptions): EventStream {
  const times = { ...TIMES, ...options.times }
  const closed = new AbortController()
  let lastEventId: string | null = null
  let firstPauseMs = times.firstPauseMs
  let wakeUp = () => {}

  async function run(): Promise<void> {
    let failures = 0
    options.onState('connecting')
    for (;;) {
      const ending = await connect()
      if (closed.signal.aborted) return
      if (ending.kind === 'refused') {
        options.onState('refused')
        return
      }
      options.onState('lost')
      failures = ending.wasOpen ? 1 : failures + 1
      const grownMs = Math.min(firstPauseMs * 2 ** (failures - 1), times.longestPauseMs)
      await pause(Math.max(grownMs * (0.5 + Math.random() / 2), ending.pauseMs ?? 0))
      if (closed.signal.aborted) return
    }
  }

  async function connect(): Promise<Ending> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, closed.signal])
    let watchdog: ReturnType<typeof setTimeout> | undefined
    const noteLife = () => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => over.abort(), times.silenceMs)
    }
    let wasOpen = false
    noteLife()
    try {
      const response = await fetch(options.url, {
        headers: {
          Accept: 'text/event-stream',
          Authorization: `Bearer ${options.token}`,
          ...(lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }),
        },
        signal,
        cache: 'no-store',
        credentials: 'omit',
      })
      if (response.status === 401 || response.status === 403) return { kind: 'refused' }
      if (!response.ok || response.body === null) {
        await response.body?.cancel()
        const seconds = Number(response.headers.get('Retry-After') ?? 0)
        return { kind: 'ended', wasOpen, pauseMs: Number.isFinite(seconds) ? seconds * 1000 : null }
      }
      wasOpen = true
      options.onState('open')
      await readEvents(response.body, noteLife)
    } catch {
      // No network, silence, or a stream cut short: in every case it is tried again.
    } finally {
      clearTimeout(watchdog)
      over.abort()
    }
    return { kind: 'ended', wasOpen, pauseMs: null }
  }

  async function readEvents(body: ReadableStream<Uint8Array>, noteLife: () => void): Promise<void> {
    const parser = createParser({
      onEvent({ event, id, data }) {
        options.onEvent({ name: event ?? 'message', data: JSON.parse(data) })
        // Only after the event was handled: one that failed here is sent again.
        if (id !== undefined) lastEventId = id
      },
      onRetry(retryMs) {
        firstPauseMs = Math.min(retryMs, times.firstPauseMs)
      },
    })
    const decoder = new TextDecoder()
    const reader = body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done || closed.signal.aborted) return
      noteLife()
      parser.feed(decoder.decode(value, { stream: true }))
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
      closed.signal.addEventListener('abort', wakeUp, { once: true })
    })
  }

  void run()
  return { wake: () => wakeUp(), close: () => closed.abort() }
}
