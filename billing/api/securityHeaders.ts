import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

/**
 * Makes the middleware that tells browsers to trust an answer with nothing. Pages (/ and /docs) may load what this
 * service itself serves, and inline SVG images, which Swagger UI's stylesheet has; answers may load nothing. No CORS
 * header is ever sent: other origins can not read us. Answers change by themselves and may be somebody's own, so no cache
 * keeps them. HSTS only where the public URL is https.
 */
export function securityHeaders(publicUrl: string): MiddlewareHandler {
  const shared = {
    strictTransportSecurity: publicUrl.startsWith('https:'),
    xFrameOptions: 'DENY',
  }
  const answer = secureHeaders({
    ...shared,
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  })
  const page = secureHeaders({
    ...shared,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  })
  return async (c, next) => {
    const isPage = c.req.path === '/' || /^\/docs(\/|$)/.test(c.req.path)
    await (isPage ? page(c, next) : answer(c, next))
    const isKept = !c.res.headers.get('Cache-Control')?.startsWith('no-store')
    if (!isPage && isKept) c.res.headers.set('Cache-Control', 'no-store')
  }
}
