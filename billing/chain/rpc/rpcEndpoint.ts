import pLimit from 'p-limit'
import { BaseError, type Client, type CustomTransport, createClient, custom } from 'viem'
import { getHttpRpcClient, getWebSocketRpcClient } from 'viem/utils'
import type { z } from 'zod'
import { redactSecrets, urlSecrets } from '../../log/redactSecrets.ts'

/** Called as each request ends: for metrics, and for counting what a deposit costs. */
export type OnRpcRequest = (request: { method: string; outcome: 'ok' | 'error'; durationMs: number }) => void

/** One RPC of a chain. */
export interface RpcEndpoint {
  /** `rpc 1 (host.example)`: safe to log; the URL itself may hold a key and never leaves this module. */
  label: string
  /** Asks and checks the shape of the answer. Throws on no answer, on an error, and on an answer of another shape. */
  request<schema extends z.ZodType>(
    method: string,
    params: unknown[],
    schema: schema,
  ): Promise<z.output<schema>>
  /** For viem's actions over the same transport. */
  client: Client<CustomTransport>
}

export interface RpcEndpointOptions {
  /** Position among the chain's URLs, from 1. */
  position: number
  /** How long one request may take before it counts as unanswered. */
  timeoutMs?: number
  /** Maximum number of requests under way; further ones wait here rather than at the provider. */
  concurrency?: number
  onRequest?: OnRpcRequest
}

/** Traces of a large block can take tens of megabytes; a larger answer is refused unread. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024

/** A provider's error message is cut to this length: the rest does not belong in a log line. */
const MAX_MESSAGE_CHARACTERS = 300

/**
 * Opens an RPC by its URL (http, https, ws, wss). Sends nothing until the first request. viem retries transient failures
 * (429, 5xx, timeouts) twice within half a second; the caller has to wait out anything longer.
 */
export function createRpcEndpoint(
  url: string,
  { position, timeoutMs = 10_000, concurrency = 16, onRequest }: RpcEndpointOptions,
): RpcEndpoint {
  const label = `rpc ${position} (${new URL(url).host})`
  const send = url.startsWith('ws') ? webSocketSender(url, timeoutMs) : httpSender(url, timeoutMs)
  const secrets = urlSecrets(url)
  const limit = pLimit(concurrency)
  const client = createClient({
    transport: custom(
      { request: ({ method, params }) => limit(() => measured(method, () => send(method, params ?? []))) },
      { retryCount: 2, retryDelay: 100 },
    ),
  })

  async function measured<value>(method: string, work: () => Promise<value>): Promise<value> {
    const startedAt = performance.now()
    let outcome: 'ok' | 'error' = 'error'
    try {
      const value = await work()
      outcome = 'ok'
      return value
    } catch (error) {
      // Redact before anybody sees the message and before it is cut: half of a key would not be recognised.
      if (error instanceof RpcErrorResponse) {
        error.message = redactSecrets(error.message, secrets).slice(0, MAX_MESSAGE_CHARACTERS)
      }
      throw error
    } finally {
      onRequest?.({ method, outcome, durationMs: performance.now() - startedAt })
    }
  }

  return {
    label,
    client,
    async request(method, params, schema) {
      const answer: unknown = await client.request({ method, params } as never)
      const parsed = schema.safeParse(answer)
      if (!parsed.success) throw new RpcShapeError(method)
      return parsed.data
    },
  }
}

/** An RPC's answer does not have the shape of the method's result. The answer is not repeated: it may be hostile. */
export class RpcShapeError extends Error {
  override name = 'RpcShapeError'
  constructor(method: string) {
    super(`${method} was answered in a shape it does not have`)
  }
}

type Send = (method: string, params: unknown[]) => Promise<unknown>

let nextId = 1

function httpSender(url: string, timeoutMs: number): Send {
  const http = getHttpRpcClient(url, { timeout: timeoutMs, maxResponseBodySize: MAX_RESPONSE_BYTES })
  return async (method, params) => {
    const id = nextId++
    const response: unknown = await http.request({ body: { id, method, params } })
    return resultOf(response, method, id)
  }
}

/**
 * One connection for all requests, opened by the first of them. A connection that fails or falls silent is dropped, and the
 * next request opens another: viem's own reconnecting gives up for good after a few tries, and prints the URL.
 */
function webSocketSender(url: string, timeoutMs: number): Send {
  let current: Promise<SocketClient> | null = null
  return async (method, params) => {
    current ??= getWebSocketRpcClient(url, { keepAlive: true, reconnect: false })
    const mine = current
    const response: unknown = await within(timeoutMs, mine)
      .then((socket) => socket.requestAsync({ body: { method, params }, timeout: timeoutMs }))
      .catch((error: unknown) => {
        if (current === mine) current = null
        mine.then((socket) => socket.close()).catch(() => {})
        throw error
      })
    return resultOf(response, method, null)
  }
}

type SocketClient = Awaited<ReturnType<typeof getWebSocketRpcClient>>

/** viem sets no time limit on opening: a server that accepts the connection and says nothing would block a request for ever. */
async function within<value>(timeoutMs: number, work: Promise<value>): Promise<value> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SocketOpeningError('the WebSocket did not open in time')), timeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

class SocketOpeningError extends BaseError {
  override name = 'SocketOpeningError'
}

/** viem does not compare ids; without this check, a proxy that mixes up answers could pass one block off as another. */
function resultOf(response: unknown, method: string, id: number | null): unknown {
  if (typeof response !== 'object' || response === null) throw new RpcShapeError(method)
  const { error, result, id: answeredId } = response as { error?: unknown; result?: unknown; id?: unknown }
  if (error) throw new RpcErrorResponse(method, error)
  if (id !== null && answeredId !== id) throw new RpcShapeError(method)
  if (result === undefined) throw new RpcShapeError(method)
  return result
}

/** A JSON-RPC error object; viem decides by `code` whether to retry. */
export class RpcErrorResponse extends Error {
  override name = 'RpcErrorResponse'
  readonly code: number
  /** The called code reverted. */
  readonly isRevert: boolean
  constructor(method: string, error: unknown) {
    const { code, message } = (typeof error === 'object' && error ? error : {}) as {
      code?: unknown
      message?: unknown
    }
    super(typeof message === 'string' ? message : `${method} failed`)
    // By convention, nodes report a revert as code 3. viem does not know that code and retries what it does not know, but a
    // revert stays a revert.
    this.isRevert = code === 3
    this.code = typeof code === 'number' && code !== 3 ? code : -32000
  }
}

/** One sentence about a failed request that holds no URL (viem's own messages do). */
export function describeRpcFailure(error: unknown): string {
  if (error instanceof BaseError) {
    const inner = error.walk((cause) => cause instanceof RpcErrorResponse || cause instanceof RpcShapeError)
    if (inner) return (inner as Error).message
    const status = 'status' in error && typeof error.status === 'number' ? ` (HTTP ${error.status})` : ''
    return `${error.name.replace(/Error$/, '')}${status}`
  }
  return error instanceof RpcErrorResponse || error instanceof RpcShapeError ? error.message : 'no answer'
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
