import { createRoute, z } from '@hono/zod-openapi'
import { problemResponses } from './problemResponses.ts'
import type { Api, RouteDeps } from './routeDeps.ts'

/** Adds /metrics, open or behind the service key as `METRICS_ACCESS` says. */
export function addMetricsRoute(app: Api, deps: RouteDeps): void {
  const isGuarded = deps.config.metricsAccess === 'service'
  const route = createRoute({
    method: 'get',
    path: '/metrics',
    tags: ['Operation'],
    summary: 'Metrics in the Prometheus text format',
    ...(isGuarded ? { security: [{ serviceKey: [] }] } : {}),
    middleware: isGuarded ? [deps.requireKey('service')] : [],
    responses: {
      200: { description: 'All metrics of this process.', content: { 'text/plain': { schema: z.string() } } },
      ...problemResponses('unauthorized', 'forbidden', 'internal_error'),
    },
  })
  const { registry } = deps.metrics

  app.openapi(route, async (c) =>
    c.text(await registry.metrics(), 200, { 'Content-Type': registry.contentType }),
  )
}
