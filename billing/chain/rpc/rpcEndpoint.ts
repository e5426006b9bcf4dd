import pLimit from 'p-limit'
import type { z } from 'zod'
import { urlSecrets } from '../../log/loggableError.ts'
import { BackOff, type Ticket } from './backOff.ts'
import { httpSender, transportError } from './jsonRpc.ts'
import { describeRpcFailure, failureOf, RpcError, type RpcFailure, shapeError } from './rpcError.ts'
import { webSocketSender } from './webSocketSender.ts'

/** Called as each request ends: for metrics, and for counting what a deposit costs. */
export type OnRpcRequest = (request: { method: string; outcome: 'ok' | 'error'; durationMs: number }) => void

/** One RPC of a chain. */
export interface RpcEndpoint {
  /** `rpc 1 (host.example)`: safe to log; the URL itself may hold a key and never leaves this folder. */
  label: string
  /**
   * Asks and checks the shape of the answer. Over within the endpoint's time limit, whatever it has to wait for.
   *
   * @throws RpcError on no answer, on an error, and on an answer of another shape.
   */
  request<schema extends z.ZodType>(
    method: string,
    params: unknown[],
    schema: schema,
    bounds?: RequestBounds,
  ): Promise<z.output<schema>>
  /** What is wrong with it; null while it is well. In trouble it is asked, but nobody waits for it where others answer. */
  trouble(): string | null
}

/** Bounds of one request other than those of all. */
export interface RequestBounds {
  /** In place of the endpoint's time limit. That such a request was too slow says nothing about the RPC. */
  timeoutMs?: number | undefined
  /** A longer answer is refused unread (`too_large`). */
  maxBytes?: number | undefined
}

export interface RpcEndpointOptions {
  /** Position among the chain's URLs, from 1. */
  position: number
  /** How long one call may take: its wait for a turn, its repetitions and the pauses between them included. */
  timeoutMs?: number
  /** Maximum number of requests under way; further ones wait here rather than at the provider. */
  concurrency?: number
  onRequest?: OnRpcRequest
}

/** A call is sent so often before it is given up: what fails for longer is the caller's to ask again. */
const MAX_TRIES = 3
/** How long a call waits in all until an RPC that failed may be asked again; it fails at once where that takes longer. */
const MAX_PAUSE_MS = 1_500
/** The first request after a failure has this long, so that an RPC that hangs does not hold everybody up each time. */
const TRIAL_TIMEOUT_MS = 2_000

/**
 * Opens an RPC by its URL (http, https, ws, wss). Sends nothing until the first request.
 *
 * Transient failures (429, 5xx, no connection, no JSON) are repeated within a second; an RPC that goes on failing, or
 * that hangs, is left alone for up to five seconds at a time ({@link BackOff}), and calls fail at once meanwhile.
 */
export function createRpcEndpoint(
  url: string,
  { position, timeoutMs = 10_000, concurrency = 16, onRequest }: RpcEndpointOptions,
): RpcEndpoint {
  const secrets = urlSecrets(url)
  const send = url.startsWith('ws') ? webSocketSender(url, secrets) : httpSender(url, secrets)
  const backOff = new BackOff()
  const limit = pLimit(concurrency)

  /** Sends a request once and tells the back-off what came of it. */
  async function attempt(
    method: string,
    params: unknown[],
    { ticket, deadline, bounds }: { ticket: Ticket; deadline: number; bounds: RequestBounds },
  ) {
    const startedAt = performance.now()
    const leftMs = Math.max(deadline - startedAt, 0)
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), ticket.tries ? Math.min(leftMs, TRIAL_TIMEOUT_MS) : leftMs)
    const tell = (outcome: 'ok' | 'error') =>
      onRequest?.({ method, outcome, durationMs: performance.now() - startedAt })
    try {
      const result = await send(method, params, late.signal, bounds.maxBytes)
      ticket.answered()
      tell('ok')
      return result
    } catch (error) {
      settle(ticket, error, bounds)
      tell('error')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async function call(
    method: string,
    params: unknown[],
    deadline: number,
    bounds: RequestBounds,
  ): Promise<unknown> {
    let pauseLeftMs = MAX_PAUSE_MS
    let failed: unknown = null
    for (let tries = 1; ; tries++) {
      try {
        return await limit(async () => {
          const askedAt = performance.now()
          if (askedAt >= deadline) throw transportError({ timedOut: true })
          const ticket = await backOff.enter(Math.min(pauseLeftMs, deadline - askedAt))
          pauseLeftMs -= performance.now() - askedAt
          return attempt(method, params, { ticket, deadline, bounds })
        })
      } catch (error) {
        const failure = failureOf(error)
        // What it failed with says more than that it is not asked again now.
        if (failure?.kind === 'backing_off') throw failed ?? error
        if (failure === null || tries >= MAX_TRIES || !isTransient(failure)) throw error
        failed = error
      }
    }
  }

  return {
    label: `rpc ${position} (${new URL(url).host})`,
    trouble: () => backOff.trouble(),
    async request(method, params, schema, bounds = {}) {
      const limitMs = bounds.timeoutMs ?? timeoutMs
      const deadline = performance.now() + limitMs
      const answer = await within(limitMs, call(method, params, deadline, bounds))
      const parsed = schema.safeParse(answer)
      if (!parsed.success) throw shapeError(method)
      return parsed.data
    },
  }
}

/** What still waits for its turn then does not hear of it; whoever asked is told in time all the same. */
async function within<value>(timeoutMs: number, work: Promise<value>): Promise<value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(transportError({ timedOut: true })), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What a failed request says about the RPC: a refusal is an answer too. */
function settle(ticket: Ticket, error: unknown, bounds: RequestBounds): void {
  const failure = failureOf(error)
  const why = describeRpcFailure(error)
  const isOwnMatter = failure?.kind === 'transport' && failure.timedOut && bounds.timeoutMs !== undefined
  if (failure === null || isOwnMatter) ticket.dropped()
  else if (failure.kind === 'transport' && failure.timedOut) ticket.timedOut(why)
  else if (isTransient(failure)) ticket.failed(why, error instanceof RpcError ? error.retryAfterMs : null)
  else ticket.answered()
}

/** HTTP: request timeout, too many requests. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429])

/** Whether the same request may well be answered in a moment. */
function isTransient(failure: RpcFailure): boolean {
  switch (failure.kind) {
    case 'response':
      return failure.isRateLimit
    case 'transport': {
      const { status, timedOut } = failure
      if (timedOut) return false
      return status === null || status < 400 || status >= 500 || TRANSIENT_STATUSES.has(status)
    }
    case 'shape':
    case 'too_large':
    case 'backing_off':
      return false
  }
}

/**
 * Opens the RPCs of a chain by their URLs, numbered from 1 in the order given. A ws URL on the host and port of an http URL
 * is the same node, not a second opinion: it is left to the indexer.
 */
export function openEndpoints(
  rpcUrls: string[],
  options: Omit<RpcEndpointOptions, 'position'> = {},
): RpcEndpoint[] {
  const httpHosts = new Set(rpcUrls.filter(isHttp).map((url) => new URL(url).host))
  return rpcUrls
    .filter((url) => isHttp(url) || !httpHosts.has(new URL(url).host))
    .map((url, index) => createRpcEndpoint(url, { ...options, position: index + 1 }))
}

function isHttp(url: string): boolean {
  return /^https?:/i.test(url)
}
