import { WebSocket } from 'ws'
import {
  MAX_RESPONSE_BYTES,
  nextRequestId,
  readAnswer,
  type Send,
  tooLargeError,
  transportError,
} from './jsonRpc.ts'
import type { RpcError } from './rpcError.ts'

/** ws: a message beyond `maxPayload`. */
const TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

interface Pending {
  method: string
  resolve(text: string): void
  reject(error: RpcError): void
}

/**
 * Sends all requests over one connection, opened by the first of them. A connection that fails, or over which a request
 * goes unanswered, is dropped, and the next request opens another.
 */
export function webSocketSender(url: string, secrets: readonly string[]): Send {
  let current: Connection | null = null
  return async (method, params, signal, maxBytes = MAX_RESPONSE_BYTES) => {
    if (current === null || current.isOver()) current = new Connection(url)
    const connection = current
    const id = nextRequestId()
    const text = await connection.ask({ id, method, params }, signal)
    if (Buffer.byteLength(text) > maxBytes) throw tooLargeError(method)
    return readAnswer({ status: null, text }, { method, id, secrets })
  }
}

class Connection {
  readonly #socket: WebSocket
  readonly #pending = new Map<number, Pending>()
  readonly #opened: Promise<void>
  #failure: RpcError | null = null
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(url: string) {
    this.#socket = new WebSocket(url, { maxPayload: MAX_RESPONSE_BYTES, perMessageDeflate: false })
    this.#opened = new Promise<void>((resolve, reject) => {
      this.#socket.once('open', resolve)
      this.#socket.once('close', () => reject(this.#failure ?? transportError({})))
    })
    // Told to each request that waits for it.
    this.#opened.catch(() => {})
    this.#socket.on('unexpected-response', (_request, response) => {
      response.destroy()
      const { statusCode: status = null, headers } = response
      this.#end(transportError({ status, retryAfter: headers['retry-after'] }))
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      const [only] = this.#pending.values()
      // Whose answer it was that is too large is known only where one was awaited.
      const isTheirs = error.code === TOO_LARGE && this.#pending.size === 1 && only !== undefined
      this.#end(isTheirs ? tooLargeError(only.method) : transportError({}))
    })
    this.#socket.on('close', () => this.#end(transportError({})))
    this.#socket.on('message', (data) => this.#hear(String(data)))
  }

  isOver(): boolean {
    return this.#failure !== null || this.#socket.readyState > WebSocket.OPEN
  }

  async ask(
    request: { id: number; method: string; params: unknown[] },
    signal: AbortSignal,
  ): Promise<string> {
    const { id, method } = request
    const sentAt = performance.now()
    const late = new Promise<never>((_resolve, reject) => {
      const expire = () => {
        this.#pending.delete(id)
        reject(transportError({ timedOut: true }))
        // One slow answer among others is that request's own matter; a connection without any has gone silent.
        if (this.#heardAt < sentAt) this.#end(transportError({}))
      }
      if (signal.aborted) expire()
      else signal.addEventListener('abort', expire, { once: true })
    })
    await Promise.race([this.#opened, late])
    const answer = new Promise<string>((resolve, reject) => {
      this.#pending.set(id, { method, resolve, reject })
    })
    if (this.#failure !== null) throw this.#failure
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', ...request }))
    return Promise.race([answer, late])
  }

  #hear(text: string): void {
    this.#heardAt = performance.now()
    const id = idOf(text)
    // An error that names no request belongs to one only if there is only one.
    const key = id === null && this.#pending.size === 1 ? [...this.#pending.keys()][0] : id
    const pending = key == null ? undefined : this.#pending.get(key)
    if (key == null || pending === undefined) return
    this.#pending.delete(key)
    pending.resolve(text)
  }

  #end(failure: RpcError): void {
    this.#failure ??= failure
    for (const pending of this.#pending.values()) pending.reject(failure)
    this.#pending.clear()
    this.#socket.terminate()
  }
}

/** undefined: no answer to anything. null: it names no request. */
function idOf(text: string): number | null | undefined {
  try {
    const message = JSON.parse(text) as { id?: unknown; method?: unknown } | null
    if (typeof message !== 'object' || message === null || 'method' in message) return undefined
    return typeof message.id === 'number' ? message.id : null
  } catch {
    return null
  }
}
