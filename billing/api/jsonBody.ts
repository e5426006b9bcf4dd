import type { Context, MiddlewareHandler, Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { inspectJson } from './inspectJson.ts'
import { problem } from './problem.ts'

/** The most bytes a JSON body may have unless a route says less. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * Makes the middleware in front of every route with a JSON body, before its schema looks at it: 415 unless it says
 * `application/json` and is not compressed, 413 when it is too large (without reading the rest), 400 when it is not JSON
 * in UTF-8, 422 when it holds what no request of ours holds (see {@link inspectJson}).
 */
export function jsonBody(options: { maxBytes?: number } = {}): MiddlewareHandler {
  const maxSize = options.maxBytes ?? MAX_BODY_BYTES
  const limit = bodyLimit({
    maxSize,
    onError: (c) => problem(c, 'body_too_large', `The body may have at most ${maxSize} bytes.`),
  })
  return async (c, next) => {
    const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
    if (mediaType !== 'application/json') {
      return problem(
        c,
        'unsupported_media_type',
        'The body must be sent as `Content-Type: application/json`.',
      )
    }
    if ((c.req.header('Content-Encoding') ?? 'identity').toLowerCase() !== 'identity') {
      return problem(c, 'unsupported_media_type', 'The body must not be compressed.')
    }
    let refusal: Response | undefined
    const tooLarge = await limit(c, async () => {
      refusal = await checkBody(c, next)
    })
    return tooLarge ?? refusal
  }
}

async function checkBody(c: Context, next: Next): Promise<Response | undefined> {
  const body = parseJson(await c.req.arrayBuffer())
  if (!body.ok) return problem(c, 'malformed_json', 'The body is not JSON in UTF-8.')
  const fault = inspectJson(body.value)
  if (fault) {
    return problem(c, 'invalid_request', `The body ${fault}.`, {
      faults: [{ in: 'json', path: '', message: fault }],
    })
  }
  await next()
  return undefined
}

function parseJson(bytes: ArrayBuffer): { ok: true; value: unknown } | { ok: false } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false }
  }
}
