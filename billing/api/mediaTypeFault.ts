import type { Context } from 'hono'

/** Says why a body can not be read as what it says it is, or null: it must be `application/json`, not compressed. */
export function mediaTypeFault(c: Context): string | null {
  const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') return 'The body must be sent as `Content-Type: application/json`.'
  const isPlain = (c.req.header('Content-Encoding') ?? 'identity').toLowerCase() === 'identity'
  return isPlain ? null : 'The body must not be compressed.'
}
