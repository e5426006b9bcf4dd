import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP } from 'node:net'
import { ADDRESS_REFUSED, isPublicAddress, publicLookup, sharedLookup } from './publicLookup.ts'

/** Of an answer more is not read: nothing in it matters to us. */
const READ_BYTES = 64 * 1024

const anyLookup = sharedLookup()
const onlyPublicLookup = publicLookup(anyLookup)

export interface WebhookRequest {
  url: string
  headers: Record<string, string>
  body: string
  /** Whether it may go to this machine or network. */
  allowPrivate: boolean
  timeoutMs: number
  stop: AbortSignal
}

/**
 * `answered`: with whatever status. `unanswered`: `problem` says why, without anything of the URL, which may hold a
 * token. `stopped`: we ended it ourselves.
 */
export type WebhookAnswer =
  | { kind: 'answered'; status: number; retryAfterSeconds: number | null }
  | { kind: 'unanswered'; problem: string }
  | { kind: 'stopped' }

/**
 * Posts a webhook. Whoever can name the receiver's URL, or its name's addresses, must not reach what only we can reach:
 * an address that is not public is refused, every one that the name resolves to, at the very look-up the connection is
 * made with. No redirect is followed, no proxy of the environment is used, and no connection is kept for another time.
 * Never rejects.
 */
export async function webhookRequest(options: WebhookRequest): Promise<WebhookAnswer> {
  const { allowPrivate, timeoutMs, stop } = options
  const url = new URL(options.url)
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (!allowPrivate && isIP(literal) !== 0 && !isPublicAddress(literal)) return refused
  if (stop.aborted) return { kind: 'stopped' }
  const over = new AbortController()
  const end = () => over.abort()
  stop.addEventListener('abort', end)
  const timer = setTimeout(end, timeoutMs)
  try {
    return await post(url, options, over.signal)
  } catch (error) {
    if (stop.aborted) return { kind: 'stopped' }
    if (over.signal.aborted) return { kind: 'unanswered', problem: `no answer within ${timeoutMs} ms` }
    const code = codeOf(error)
    if (code === ADDRESS_REFUSED) return refused
    return { kind: 'unanswered', problem: `the request failed: ${code}` }
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', end)
  }
}

const refused: WebhookAnswer = {
  kind: 'unanswered',
  problem: 'refused: the receiver is not on the public internet (WEBHOOK_ALLOW_PRIVATE)',
}

function post(
  url: URL,
  { headers, body, allowPrivate }: WebhookRequest,
  signal: AbortSignal,
): Promise<WebhookAnswer> {
  const send = url.protocol === 'https:' ? requestSecure : requestPlain
  return new Promise((answer, fail) => {
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
      agent: false,
      signal,
      lookup: allowPrivate ? anyLookup : onlyPublicLookup,
    })
    // Its status is its answer; what becomes of the rest changes nothing.
    let answered: WebhookAnswer | null = null
    const failed = (error: unknown) => (answered === null ? fail(error) : answer(answered))
    request.on('error', failed)
    // There are ends of a connection that Node tells nobody of.
    signal.addEventListener('abort', () => failed(signal.reason), { once: true })
    request.on('upgrade', (response, socket) => {
      socket.destroy()
      answer(answerOf(response))
    })
    request.on('response', (response) => {
      const said = answerOf(response)
      answered = said
      readSome(response).then(() => {
        request.destroy()
        answer(said)
      })
    })
    request.end(body)
  })
}

function answerOf({ statusCode = 0, headers }: IncomingMessage): WebhookAnswer {
  return {
    kind: 'answered',
    status: statusCode,
    retryAfterSeconds: retryAfterSeconds(headers['retry-after'], Date.now()),
  }
}

/** Resolves when the answer is over, broken off, or longer than we care for. */
function readSome(response: IncomingMessage): Promise<void> {
  return new Promise((done) => {
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > READ_BYTES) done()
    })
    response.on('error', () => done())
    response.on('close', () => done())
    response.on('end', () => done())
  })
}

/** Codes name what happened; messages may hold addresses. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : typeof error
}

/**
 * How long an answer asks to wait, from its Retry-After header: whole seconds, or a date (RFC 9110 §10.2.3). null when it
 * does not say, or not in either form; never negative.
 */
export function retryAfterSeconds(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,15}$/.test(header)) return Number(header)
  // A date begins with the name of its day; Date.parse would make something of almost anything.
  const atMs = /^[A-Z][a-z]+,? /.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1_000))
}
