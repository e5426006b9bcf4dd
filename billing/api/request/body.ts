import type { MiddlewareHandler } from 'hono'
import { limitBody } from '../limitBody.ts'
import { mediaTypeFault } from '../mediaTypeFault.ts'
import { parseJsonBody } from '../parseJsonBody.ts'
import { problem } from '../problem.ts'

/** The most bytes a JSON body may have unless a route says otherwise. */
export const MAX_BODY_BYTES = 64 * 1024

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
