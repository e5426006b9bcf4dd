import type { Context, MiddlewareHandler, Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { problem } from './problem.ts'

/** Makes the middleware that answers 413 to a body of more bytes, without reading the rest of it. */
export function limitBody(maxBytes: number): MiddlewareHandler {
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
