import { createRoute, z } from '@hono/zod-openapi'
import type { HealthCheck, HealthReport } from '../../health/readHealth.ts'
import { loggableError } from '../../log/loggableError.ts'
import type { Api } from '../appDeps.ts'
import { problemResponses } from '../problem.ts'
import type { RouteDeps } from '../request/guards.ts'

/** A probe must be answered before its caller gives up. */
const READ_TIMEOUT_MS = 5_000

const CheckSchema = z
  .strictObject({ status: z.enum(['ok', 'failing']), detail: z.string() })
  .openapi('HealthCheck')

const byChain = z.record(z.string(), CheckSchema).openapi({ description: 'By chain id.' })

const ReadySchema = z
  .strictObject({
    status: z.enum(['ok', 'failing']),
    checks: z.strictObject({
      database: CheckSchema,
      rpc: byChain,
      indexer: byChain,
      gate: byChain,
      jobs: byChain,
    }),
  })
  .openapi('Health')

const liveRoute = createRoute({
  method: 'get',
  path: '/health/live',
  tags: ['Operation'],
  summary: 'Whether the process answers',
  responses: {
    200: {
      description: 'It does.',
      content: { 'application/json': { schema: z.strictObject({ status: z.literal('ok') }) } },
    },
    ...problemResponses('internal_error'),
  },
})

const readyContent = { 'application/json': { schema: ReadySchema } }

const readyRoute = createRoute({
  method: 'get',
  path: '/health/ready',
  tags: ['Operation'],
  summary: 'Whether payments are being credited, and if not, what is behind and by how much',
  responses: {
    200: { description: 'Every check but those of `jobs` is ok.', content: readyContent },
    503: { description: 'At least one check that counts is failing.', content: readyContent },
    ...problemResponses('internal_error'),
  },
})

/** Adds /health/live and /health/ready. */
export function addHealthRoutes(app: Api, deps: RouteDeps): void {
  app.openapi(liveRoute, (c) => c.json({ status: 'ok' as const }, 200))

  app.openapi(readyRoute, async (c) => {
    const { checks } = await readReport(deps)
    const isReady = allChecks(checks).every((check) => check.status === 'ok')
    return isReady
      ? c.json({ status: 'ok' as const, checks }, 200)
      : c.json({ status: 'failing' as const, checks }, 503)
  })
}

/** The report comes from the database, so failing to read it in time is itself reported. */
async function readReport(deps: RouteDeps): Promise<HealthReport> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('reading the health took too long')), READ_TIMEOUT_MS)
  })
  try {
    return await Promise.race([deps.health.read(), timeout])
  } catch (error) {
    deps.logger.error({ error: loggableError(error, deps.config) }, 'health could not be read')
    const database: HealthCheck = { status: 'failing', detail: 'does not answer' }
    return { checks: { database, rpc: {}, indexer: {}, gate: {}, jobs: {} } }
  } finally {
    clearTimeout(timer)
  }
}

/** Without the jobs beside the gate: a payment may be seen late without them, and is credited all the same. */
function allChecks(checks: HealthReport['checks']): HealthCheck[] {
  return [
    checks.database,
    ...[checks.rpc, checks.indexer, checks.gate].flatMap((group) => Object.values(group)),
  ]
}

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
