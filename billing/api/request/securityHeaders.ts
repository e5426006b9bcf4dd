import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'

/** Browser features that no page of ours uses. Copying an address stays allowed. */
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
 * Makes the middleware that restricts what browsers let an answer do. Pages (/ with its files in /assets, and /docs) may load
 * what this service serves, and inline images: icons of wallets, and those in Swagger UI's stylesheet. On the page where
 * people pay, no text may become script either. JSON answers may load nothing. No CORS header is ever sent, so other origins
 * cannot read us. Answers change over time and may be private, so they must not be cached. HSTS is sent only where the public
 * URL is https.
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
