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

/** Room for `{}` in any layout. */
const MAX_EMPTY_BODY_BYTES = 1024
const NothingSchema = z.strictObject({})

/**
 * Makes the middleware in front of every POST that needs no body, for clients that send one anyway: an empty one, or `{}`.
 * Any other is refused, because its sender expects it to have an effect.
 */
export function noBody(): MiddlewareHandler<ApiEnv> {
  const limit = limitBody(MAX_EMPTY_BODY_BYTES)
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

/** By the headers (RFC 9112 §6.3); in `app.request()` there may be a body that no header announces. */
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

/** Makes the middleware that answers 413 to a body with more bytes, without reading the rest of it. */
function limitBody(maxBytes: number): MiddlewareHandler {
  const refuse = (c: Context) => problem(c, 'body_too_large', `The body may have at most ${maxBytes} bytes.`)
  const limit = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return async (c: Context, next: Next) => {
    const told = c.req.header('Content-Length')
    // A declared length is the real one: Node's parser ensures that. Checking it here avoids building the request; hono's
    // bodyLimit asks for the body as a stream, which puts the server on its slow path.
    if (told === undefined || c.req.header('Transfer-Encoding') !== undefined) return limit(c, next)
    return Number(told) > maxBytes ? refuse(c) : next()
  }
}

/** The value of a body, or the answer that refuses it. */
export type ParsedBody = { kind: 'parsed'; value: unknown } | { kind: 'refused'; answer: Response }

/**
 * Parses the bytes of a body: 400 when they are not JSON in UTF-8, 422 when they hold what no request may hold (see
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

/** Deeper than any valid request, shallow enough for every recursive reader that follows. */
const MAX_DEPTH = 32

const loneSurrogate = /\p{Surrogate}/u

/**
 * Says what makes a parsed JSON value unfit for a request, or null. Refuses nesting deeper than 32, NUL (PostgreSQL cannot
 * store it), lone surrogates (encoding to UTF-8 replaces them, so the stored text would differ from what was sent) and the
 * key `__proto__`. Walks without recursion: the input may be 10 000 deep.
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

/** Says why the headers rule a body out, or null: it must be `application/json` and not compressed. */
function mediaTypeFault(c: Context): string | null {
  const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') return 'The body must be sent as `Content-Type: application/json`.'
  const isPlain = (c.req.header('Content-Encoding') ?? 'identity').toLowerCase() === 'identity'
  return isPlain ? null : 'The body must not be compressed.'
}
