import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import type { ApiEnv } from './apiEnv.ts'
import { problem } from './problem.ts'

/** Who a key speaks for. Admin implies service. */
export type KeyKind = 'service' | 'admin'

/** The two keys of the settings. */
export interface ApiKeys {
  serviceApiKey: string
  adminApiKey: string
}

const bearerPattern = /^Bearer +([\x21-\x7e]+) *$/i

/**
 * Makes the middleware that lets only holders of a key in: 401 without a key or with an unknown one, 403 with one of the
 * wrong kind. The key comes from the Authorization header only, never from a query string or a cookie (RFC 6750 §2.3).
 * Routes without this middleware do not look at the header at all, so a bad bearer on a public route is ignored.
 */
export function authenticate(keys: ApiKeys): (needed: KeyKind) => MiddlewareHandler<ApiEnv> {
  const serviceDigest = digest(keys.serviceApiKey)
  const adminDigest = digest(keys.adminApiKey)

  // Digests have one length and both are always compared, so the time tells neither how much of a key was right nor which.
  const kindOf = (token: string): KeyKind | null => {
    const given = digest(token)
    const isService = timingSafeEqual(given, serviceDigest)
    const isAdmin = timingSafeEqual(given, adminDigest)
    return isAdmin ? 'admin' : isService ? 'service' : null
  }

  return (needed) => async (c, next) => {
    const token = bearerToken(c)
    if (token === null) {
      return problem(c, 'unauthorized', 'This route needs a key as `Authorization: Bearer …`.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits"' },
      })
    }
    const kind = kindOf(token)
    if (kind === null) {
      return problem(c, 'unauthorized', 'The key is not known.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="invalid_token"' },
      })
    }
    if (needed === 'admin' && kind !== 'admin') {
      return problem(c, 'forbidden', 'This route needs the admin key.', {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="insufficient_scope"' },
      })
    }
    return next()
  }
}

function bearerToken(c: Context<ApiEnv>): string | null {
  return bearerPattern.exec(c.req.header('Authorization') ?? '')?.[1] ?? null
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
