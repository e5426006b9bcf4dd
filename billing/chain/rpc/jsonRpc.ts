import { redactSecrets } from '../../log/loggableError.ts'
import { RpcError, shapeError } from './rpcError.ts'

/** Traces of a large block can take tens of megabytes; a larger answer is refused unread. */
export const MAX_RESPONSE_BYTES = 64 * 1024 * 1024

/** A provider's error message is cut to this length: the rest does not belong in a log line. */
const MAX_MESSAGE_CHARACTERS = 300

/**
 * Sends one request over an RPC's transport and gives its result, of any shape. Throws RpcError. Ends, and lets go of what
 * it holds, when the signal is aborted. An answer of more than `maxBytes` ({@link MAX_RESPONSE_BYTES}) is refused.
 */
export type Send = (
  method: string,
  params: unknown[],
  signal: AbortSignal,
  maxBytes?: number,
) => Promise<unknown>

/** What an RPC answered, before anybody knows whether it is JSON-RPC. */
export interface RawAnswer {
  /** Of HTTP; over a WebSocket null. */
  status: number | null
  text: string
  /** The header of that name, where there was one. */
  retryAfter?: string | null | undefined
}

/** Numbers requests over all transports. */
export const nextRequestId = (() => {
  let id = 0
  return () => ++id
})()

/**
 * Reads an answer: a result, or an RpcError. A JSON-RPC error is that error whatever the HTTP status; a result counts only
 * with a good one, and only for the request that it names: a proxy that mixes up answers must not pass one block off as
 * another.
 */
export function readAnswer(
  { status, text, retryAfter }: RawAnswer,
  { method, id, secrets }: { method: string; id: number; secrets: readonly string[] },
): unknown {
  const isGood = status === null || (status >= 200 && status < 300)
  const body = parse(text)
  if (typeof body === 'object' && body !== null) {
    const { error, result, id: answeredId } = body as { error?: unknown; result?: unknown; id?: unknown }
    if (error && (isGood || isJsonRpc(body, error))) {
      throw responseError(method, error, { status, retryAfter, secrets })
    }
    if (isGood) {
      if (answeredId !== id || result === undefined) throw shapeError(method)
      return result
    }
  } else if (isGood && body !== undefined) {
    throw shapeError(method)
  }
  throw transportError({ status, retryAfter, said: clean(text, secrets) })
}

/** undefined where it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Gateways answer `{"error": "Unauthorized"}` or `{"error": {"message": …}}` of their own: that is not the node's word. */
function isJsonRpc(body: object, error: unknown): boolean {
  return 'jsonrpc' in body || (typeof error === 'object' && error !== null && codeOf(error) !== null)
}

function codeOf(error: object): number | null {
  const code = 'code' in error ? error.code : undefined
  if (typeof code === 'number') return code
  return typeof code === 'string' && /^-?\d+$/.test(code) ? Number(code) : null
}

/** What a provider says when we ask too much; what a method says of its own limits ("10 block range") is not that. */
const RATE_LIMIT_WORDS =
  /too many requests|rate.?limit|(?:request|call)s? (?:count|rate|limit)|\/second|per (?:second|minute|hour|day)\b|\b[rt]ps\b|capacity|quota|throughput|compute units|throttl/i
const OWN_LIMIT_WORDS = /block|range|results?\b|logs?\b|response size/i

/** An answer to be taken for a moment's refusal, by HTTP or by the code that providers made after it. */
const BUSY: ReadonlySet<number | null> = new Set([429, 503])

function responseError(
  method: string,
  error: unknown,
  {
    status,
    retryAfter,
    secrets,
  }: { status: number | null; retryAfter: string | null | undefined; secrets: readonly string[] },
): RpcError {
  const told = typeof error === 'object' && error !== null ? error : {}
  const code = codeOf(told)
  const text = 'message' in told && typeof told.message === 'string' ? told.message : `${method} failed`
  const message = clean(text, secrets)
  // By custom, nodes tell of a revert by code 3.
  const isRevert = code === 3 || /\brevert/i.test(text)
  const isAboutUs = RATE_LIMIT_WORDS.test(text) && !OWN_LIMIT_WORDS.test(text)
  const isRateLimit = !isRevert && (BUSY.has(status) || code === 429 || isAboutUs)
  return new RpcError(message, { kind: 'response', code, isRevert, isRateLimit }, retryAfterMs(retryAfter))
}

/** No JSON-RPC came; `status` is null where nothing came at all. */
export function transportError({
  status = null,
  timedOut = false,
  said = '',
  retryAfter,
}: {
  status?: number | null
  timedOut?: boolean
  said?: string
  retryAfter?: string | null | undefined
}): RpcError {
  const isGood = status !== null && status < 300
  const message = timedOut
    ? 'no answer in time'
    : status === null
      ? 'no connection'
      : isGood
        ? `no JSON (HTTP ${status})`
        : `HTTP ${status}`
  return new RpcError(message, { kind: 'transport', status, timedOut, said }, retryAfterMs(retryAfter))
}

export function tooLargeError(method: string): RpcError {
  return new RpcError(`the answer to ${method} is too large`, { kind: 'too_large' })
}

/** Redacted before it is cut, which could leave the half of a key that is not recognised. */
function clean(text: string, secrets: readonly string[]): string {
  // What is redacted is bounded too: a hostile answer is as long as it likes.
  return redactSecrets(text.slice(0, 100 * MAX_MESSAGE_CHARACTERS), secrets).slice(0, MAX_MESSAGE_CHARACTERS)
}

/** `Retry-After` in milliseconds, of seconds or of a date (RFC 9110, 10.2.3); null where there is none. */
function retryAfterMs(value: string | null | undefined): number | null {
  if (value == null || value === '') return null
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

/** Sends each request by a POST of its own. */
export function httpSender(url: string, secrets: readonly string[]): Send {
  const { target, headers } = withoutCredentials(url)
  return async (method, params, signal, maxBytes = MAX_RESPONSE_BYTES) => {
    const id = nextRequestId()
    let answer: RawAnswer | 'too_large'
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        signal,
      })
      answer = await readBody(response, maxBytes)
    } catch {
      throw transportError({ timedOut: signal.aborted })
    }
    if (answer === 'too_large') throw tooLargeError(method)
    return readAnswer(answer, { method, id, secrets })
  }
}

async function readBody(response: Response, maxBytes: number): Promise<RawAnswer | 'too_large'> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Ended early, the loop cancels what is still to come.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) return 'too_large'
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return { status: response.status, text, retryAfter: response.headers.get('retry-after') }
}

/** `fetch` refuses URLs with user and password; as a header it takes them (RFC 7617). */
function withoutCredentials(text: string): { target: string; headers: Record<string, string> } {
  const url = new URL(text)
  if (url.username === '' && url.password === '') return { target: text, headers: {} }
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  return {
    target: url.href,
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
  }
}
