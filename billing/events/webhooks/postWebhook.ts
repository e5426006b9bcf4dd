import { createHash, createHmac } from 'node:crypto'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP } from 'node:net'
import type { ClaimedDelivery } from './deliveries.ts'
import { ADDRESS_REFUSED, isPublicAddress, publicLookup, sharedLookup } from './publicLookup.ts'

/** The rest of an answer is not read: nothing in it matters to us. */
const MAX_BYTES_READ = 64 * 1024

/** Where webhooks go, from the settings. */
export interface WebhookTarget {
  url: string
  /** The newest first. */
  secrets: readonly { key: Uint8Array }[]
  allowPrivate: boolean
}

/** Signs the event of a delivery and posts it to the receiver, by the Standard Webhooks specification. Never rejects. */
export function postWebhook(
  delivery: Pick<ClaimedDelivery, 'eventId' | 'kind' | 'payload' | 'createdAt'>,
  { target, timeoutMs, stop }: { target: WebhookTarget; timeoutMs: number; stop: AbortSignal },
): Promise<WebhookAnswer> {
  const body = JSON.stringify({
    type: delivery.kind,
    timestamp: delivery.createdAt.toISOString(),
    data: delivery.payload,
  })
  const id = webhookId(delivery)
  const timestampSeconds = Math.floor(Date.now() / 1_000)
  return webhookRequest({
    url: target.url,
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'axonos-credits',
      'webhook-id': id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': signWebhook(
        { id, timestampSeconds, body },
        target.secrets.map(({ key }) => key),
      ),
    },
    body,
    allowPrivate: target.allowPrivate,
    timeoutMs,
    stop,
  })
}

const anyLookup = sharedLookup()
const onlyPublicLookup = publicLookup(anyLookup)

export interface WebhookRequest {
  url: string
  headers: Record<string, string>
  body: string
  /** Whether the receiver may be on this machine or a private network. */
  allowPrivate: boolean
  timeoutMs: number
  stop: AbortSignal
}

/**
 * `answered`: with any status. `unanswered`: `problem` says why and contains no part of the URL, which may hold a token.
 * `stopped`: we ended the request ourselves.
 */
export type WebhookAnswer =
  | { kind: 'answered'; status: number; retryAfterSeconds: number | null }
  | { kind: 'unanswered'; problem: string }
  | { kind: 'stopped' }

/**
 * Sends the request of a webhook. Whoever controls the URL or its DNS must not reach what only we can reach: if any
 * address the name resolves to is not public, the request is refused, in the same lookup that the connection uses. No
 * redirect is followed, no proxy from the environment is used, and no connection is reused. Never rejects.
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
    // The status is the answer; whether the body arrives changes nothing.
    let answered: WebhookAnswer | null = null
    const failed = (error: unknown) => (answered === null ? fail(error) : answer(answered))
    request.on('error', failed)
    // Node emits no error for some ways in which a connection ends.
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

/** Resolves when the answer ends, breaks off, or exceeds what we read of it. */
function readSome(response: IncomingMessage): Promise<void> {
  return new Promise((done) => {
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES_READ) done()
    })
    response.on('error', () => done())
    response.on('close', () => done())
    response.on('end', () => done())
  })
}

/** Only the code of an error: its message may contain addresses. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : typeof error
}

/**
 * How long an answer asks us to wait, from its Retry-After header: whole seconds, or a date (RFC 9110 §10.2.3). null
 * where the header is missing or has neither form; never negative.
 */
export function retryAfterSeconds(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,15}$/.test(header)) return Number(header)
  // A date begins with the name of its day. Without this check Date.parse accepts almost anything.
  const atMs = /^[A-Z][a-z]+,? /.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1_000))
}

/**
 * Signs a webhook by the Standard Webhooks specification: HMAC-SHA256 over id, time and the exact bytes of the body. There
 * is one signature for each key, separated by spaces, so a receiver that knows any of the keys can verify it.
 *
 * @see https://www.standardwebhooks.com
 */
export function signWebhook(
  { id, timestampSeconds, body }: { id: string; timestampSeconds: number; body: string },
  keys: readonly Uint8Array[],
): string {
  const signed = `${id}.${timestampSeconds}.${body}`
  return keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ')
}

/**
 * An event's id as webhook receivers know it: its number and its time, `evt_4711_mk0s7x2o`. It is the same at every attempt
 * and redelivery. The number alone would not do: a database restored from a backup reuses the numbers of events that
 * happened after the backup, and a receiver would take new events for ones it has seen.
 */
export function webhookId({ eventId, createdAt }: { eventId: bigint; createdAt: Date }): string {
  return `evt_${eventId}_${createdAt.getTime().toString(36)}`
}

/** Identifies a receiver without revealing its URL, which may hold a token: 16 hex digits of the URL's SHA-256. */
export function webhookEndpointId(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16)
}
