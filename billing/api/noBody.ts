import type { Context, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import type { ApiEnv } from './apiEnv.ts'
import { limitBody } from './limitBody.ts'
import { mediaTypeFault } from './mediaTypeFault.ts'
import { parseJsonBody } from './parseJsonBody.ts'
import { problem } from './problem.ts'
import { requestFaults } from './requestFaults.ts'

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
