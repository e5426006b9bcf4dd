import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Logger } from 'pino'
import type { Metrics } from '../../health/createMetrics.ts'

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Makes the middleware that counts and times every request and logs one debug line for it. Labels and lines hold the route's
 * pattern, never the path, the query or a header: those come from outside, are unbounded, and may hold keys.
 */
export function observeRequests(metrics: Metrics, logger: Logger): MiddlewareHandler {
  return async (c, next) => {
    const startedAtMs = performance.now()
    await next()
    const durationMs = performance.now() - startedAtMs
    const pattern = routePath(c, -1)
    const route = pattern.includes('*') ? 'unmatched' : pattern
    const method = knownMethods.has(c.req.method) ? c.req.method : 'other'
    const status = String(c.res.status)
    metrics.httpRequestsTotal.inc({ method, route, status })
    metrics.httpRequestDurationSeconds.observe({ method, route }, durationMs / 1000)
    logger.debug({ method, route, status, durationMs: Math.round(durationMs) }, 'request')
  }
}
