import type { Context, MiddlewareHandler, Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import type { ApiEnv } from '../appDeps.ts'
import { problem, requestFaults } from '../problem.ts'

/** The most bytes a JSON body may have unless a route says otherwise. */
const MAX_BODY_BYTES = 64 * 1024

/**
 * Makes the middleware in front of every route with a JSON body, before its schema looks at it: 415 unless it says
 * `application/json` and is not compressed, 413 when it is too large (without reading the rest), and what
 * {@link parseJsonBody} refuses.
 */
export function jsonBody(options: { maxBytes?: number } = {}): MiddlewareHandler {
  const limit = limitBody(options.maxBytes ?? MAX_BODY_BYTES)
  return async (c, next) => {
    const fault = mediaTypeFault(c)
    if (fault !== null) return problem(c, 'unsupported_media_type', fault)
    let refusal: Response | undefined
    const tooLarge = await limit(c, async () => {
      const body = parseJsonBody(c, await c.req.arrayBuffer())
      if (body.kind === 'refused') refusal = body.answer
      else await next()
    })
    return tooLarge ?? refusal
  }
}

/** Room for `{}` however it is laid out. */
const MAX_BYTES = 1024
const NothingSchema = z.strictObject({})

/**
 * Makes the middleware in front of every POST that needs no body, for clients that send one all the same: an empty one,
 * or `{}`. Any other is refused, because its sender expects something of it.
 */
export function noBody(): MiddlewareHandler<ApiEnv> {
  const limit = limitBody(MAX_BYTES)
  return async (c, next) => {
    if (hasNone(c)) return next()
    let refusal: Response | undefined
    const tooLarge = await limit(c, async () => {
      const answer = refuse(c, await c.req.arrayBuffer())
      if (answer === null) await next()
      else refusal = answer
    })
    return tooLarge ?? refusal
  }
}

/** As the headers tell it (RFC 9112 §6.3); in `app.request()` there may be a body that no header tells of. */
function hasNone(c: Context<ApiEnv>): boolean {
  const told = c.req.header('Content-Length')
  const isChunked = c.req.header('Transfer-Encoding') !== undefined
  if (told !== undefined) return told === '0' && !isChunked
  return c.env?.incoming !== undefined && !isChunked
}

function refuse(c: Context, bytes: ArrayBuffer): Response | null {
  if (bytes.byteLength === 0) return null
  const fault = mediaTypeFault(c)
  if (fault !== null) return problem(c, 'unsupported_media_type', fault)
  const body = parseJsonBody(c, bytes)
  if (body.kind === 'refused') return body.answer
  const { error } = NothingSchema.safeParse(body.value)
  if (error === undefined) return null
  return problem(c, 'invalid_request', 'This route takes no body.', { faults: requestFaults('json', error) })
}

/** Makes the middleware that answers 413 to a body of more bytes, without reading the rest of it. */
function limitBody(maxBytes: number): MiddlewareHandler {
  const refuse = (c: Context) => problem(c, 'body_too_large', `The body may have at most ${maxBytes} bytes.`)
  const limit = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return async (c: Context, next: Next) => {
    const told = c.req.header('Content-Length')
    // A body whose length was told has that length: Node's parser sees to it. Judged here, nothing of the request has to be
    // built for it; hono's bodyLimit asks for the body as a stream, which makes the server take its slow way.
    if (told === undefined || c.req.header('Transfer-Encoding') !== undefined) return limit(c, next)
    return Number(told) > maxBytes ? refuse(c) : next()
  }
}

/** What a body holds, or the answer to whoever sent it. */
export type ParsedBody = { kind: 'parsed'; value: unknown } | { kind: 'refused'; answer: Response }

/**
 * Reads the bytes of a body: 400 when they are not JSON in UTF-8, 422 when it holds what no request of ours holds (see
 * {@link inspectJson}).
 */
function parseJsonBody(c: Context, bytes: ArrayBuffer): ParsedBody {
  const body = parseJson(bytes)
  if (!body.ok)
    return { kind: 'refused', answer: problem(c, 'malformed_json', 'The body is not JSON in UTF-8.') }
  const fault = inspectJson(body.value)
  if (fault === null) return { kind: 'parsed', value: body.value }
  const faults = [{ in: 'json', path: '', message: fault }]
  return { kind: 'refused', answer: problem(c, 'invalid_request', `The body ${fault}.`, { faults }) }
}

function parseJson(bytes: ArrayBuffer): { ok: true; value: unknown } | { ok: false } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false }
  }
}

/** Deeper than any request of ours, shallow enough for every recursive reader behind us. */
const MAX_DEPTH = 32

const loneSurrogate = /\p{Surrogate}/u

/**
 * Says what makes a parsed JSON value unfit for a request, or null. Refused are: nesting deeper than 32, NUL (PostgreSQL
 * can not store it), lone surrogates (they would be replaced on the way into UTF-8, so what is stored would not be what
 * was sent) and the key `__proto__`. Walks without recursion: the input may be 10 000 deep.
 */
function inspectJson(value: unknown): string | null {
  const waiting: { value: unknown; depth: number }[] = [{ value, depth: 0 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next.value === 'string') {
      const fault = inspectText(next.value)
      if (fault) return fault
    } else if (typeof next.value === 'object' && next.value !== null) {
      if (next.depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH}`
      for (const [key, child] of Object.entries(next.value)) {
        if (key === '__proto__') return 'has the key __proto__'
        const fault = inspectText(key)
        if (fault) return fault
        waiting.push({ value: child, depth: next.depth + 1 })
      }
    }
  }
  return null
}

function inspectText(text: string): string | null {
  if (text.includes('\0')) return 'holds a NUL character'
  return loneSurrogate.test(text) ? 'holds a lone surrogate' : null
}

/** Says why a body can not be read as what it says it is, or null: it must be `application/json`, not compressed. */
function mediaTypeFault(c: Context): string | null {
  const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') return 'The body must be sent as `Content-Type: application/json`.'
  const isPlain = (c.req.header('Content-Encoding') ?? 'identity').toLowerCase() === 'identity'
  return isPlain ? null : 'The body must not be compressed.'
}
