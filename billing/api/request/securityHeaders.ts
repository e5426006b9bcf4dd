import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

/** What no page of ours has any use for. Copying an address stays allowed. */
const nothing = {
  accelerometer: [],
  autoplay: [],
  camera: [],
  displayCapture: [],
  geolocation: [],
  gyroscope: [],
  magnetometer: [],
  microphone: [],
  midi: [],
  payment: [],
  screenWakeLock: [],
  usb: [],
}

/**
 * Makes the middleware that tells browsers to trust an answer with nothing. Pages (/ and /docs, and the files of the
 * first in /assets) may load what this service itself serves, and inline images: icons of wallets, and those that Swagger
 * UI's stylesheet has. The page on which people pay may moreover turn no text into script. Answers may load nothing.
 * No CORS header is ever sent: other origins can not read us. Answers change by themselves and may be somebody's own, so
 * no cache keeps them. HSTS only where the public URL is https.
 */
export function securityHeaders(publicUrl: string): MiddlewareHandler {
  const shared = {
    strictTransportSecurity: publicUrl.startsWith('https:'),
    xFrameOptions: 'DENY',
    referrerPolicy: 'no-referrer',
    permissionsPolicy: nothing,
  }
  const answer = secureHeaders({
    ...shared,
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  })
  const ofThisService = {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  }
  const docs = secureHeaders({ ...shared, contentSecurityPolicy: ofThisService })
  const panel = secureHeaders({
    ...shared,
    contentSecurityPolicy: {
      ...ofThisService,
      fontSrc: ["'self'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ["'none'"],
    },
  })
  return async (c, next) => {
    const isPanel = /^\/(assets\/.*)?$/.test(c.req.path)
    const isDocs = /^\/docs(\/|$)/.test(c.req.path)
    await (isPanel ? panel : isDocs ? docs : answer)(c, next)
    const isOfPage = (isPanel || isDocs) && c.res.status < 400
    const isKept = !c.res.headers.get('Cache-Control')?.startsWith('no-store')
    if (!isOfPage && isKept) c.res.headers.set('Cache-Control', 'no-store')
  }
}
