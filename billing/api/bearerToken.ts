import type { Context } from 'hono'

const pattern = /^Bearer +([\x21-\x7e]+) *$/i

/**
 * The token of a request: from the Authorization header only, never from a query string or a cookie (RFC 6750 §2.3).
 * null when there is none, or the header is of another form.
 */
export function bearerToken(c: Context): string | null {
  return pattern.exec(c.req.header('Authorization') ?? '')?.[1] ?? null
}
