import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { routePath } from 'hono/route'
import type { Logger } from 'pino'
import type { Metrics } from '../health/createMetrics.ts'
import { loggableError } from '../log/loggableError.ts'
import type { Api, ApiEnv, AppDeps } from './appDeps.ts'
import { problem, requestFaults } from './problem.ts'
import { hashBudget, rateLimit } from './request/budgets.ts'
import type { RouteDeps } from './request/guards.ts'
import { authenticate, requireWallet } from './request/guards.ts'
import { securityHeaders } from './request/securityHeaders.ts'
import { addAccountRoutes, addWalletRoutes } from './routes/accountRoutes.ts'
import { addAdminRoutes } from './routes/adminRoutes.ts'
import { addAuthRoutes } from './routes/authRoutes.ts'
import { addConfigRoute } from './routes/configRoutes.ts'
import { addDocsRoutes } from './routes/docsRoutes.ts'
import { addGraphqlRoute } from './routes/graphqlRoutes.ts'
import { addHealthRoutes, addMetricsRoute } from './routes/healthRoutes.ts'
import { addPanelRoutes } from './routes/panelRoutes.ts'
import { addPricesRoute } from './routes/priceRoutes.ts'
import { addQuotesRoute } from './routes/quoteRoutes.ts'
import { addSessionRoutes } from './routes/sessionRoutes.ts'
import { addTransactionRoutes } from './routes/transactionRoutes.ts'
import { addVolumeRoutes } from './routes/volumeRoutes.ts'
import { addEventsRoute } from './stream/eventRoutes.ts'

/**
 * Makes the HTTP side of the service from its dependencies. It holds no money state, opens no connection and reads no
 * setting from the environment, so many may run side by side on one database. Serve it with `serve`, or call it in a test
 * with `app.request()`.
 */
export function createApp(deps: AppDeps): Api {
  const { config, logger, metrics } = deps
  const app: Api = new OpenAPIHono<ApiEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined
      if (result.target === 'header' && !c.req.header('Idempotency-Key')) {
        return problem(c, 'idempotency_key_required', 'Send an Idempotency-Key header.')
      }
      const faults = requestFaults(result.target, result.error)
      return problem(c, 'invalid_request', 'The request is not of the form this route takes.', { faults })
    },
  })

  app.use(observeRequests(metrics, logger))
  app.use(securityHeaders(config.publicUrl))
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        problem(c, 'method_not_allowed', `${c.req.path} does not take this method.`, {
          headers: { Allow: methods.join(', ') },
        }),
    }),
  )
  app.notFound((c) => problem(c, 'not_found', 'Nothing lives at this path.'))
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 400) {
      return problem(c, 'malformed_json', 'The body is not JSON in UTF-8.')
    }
    logger.error({ error: loggableError(error, config), method: c.req.method }, 'a request broke')
    return problem(c, 'internal_error', 'Something broke on our side. It is in our log.')
  })

  registerKeys(app)
  addRoutes(app, {
    ...deps,
    requireKey: authenticate(config, deps.walletTokens),
    requireWallet: requireWallet(config, deps.walletTokens),
    rateLimit: rateLimit({ perMinute: config.rateLimitPerMinute, trustProxy: config.trustProxy }),
    hashBudget: hashBudget({ perMinutePerClient: config.rateLimitPerMinute }),
  })
  return app
}

function addRoutes(app: Api, deps: RouteDeps): void {
  addConfigRoute(app, deps)
  addQuotesRoute(app, deps)
  addPricesRoute(app, deps)
  addTransactionRoutes(app, deps)
  addAuthRoutes(app, deps)
  addWalletRoutes(app, deps)
  addEventsRoute(app, deps)
  addAccountRoutes(app, deps)
  addSessionRoutes(app, deps)
  addVolumeRoutes(app, deps)
  addAdminRoutes(app, deps)
  addGraphqlRoute(app, deps)
  addHealthRoutes(app, deps)
  addMetricsRoute(app, deps)
  addDocsRoutes(app, deps)
  addPanelRoutes(app, deps.panel)
}

function registerKeys(app: Api): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'serviceKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'SERVICE_API_KEY, or ADMIN_API_KEY, which may do the same and more.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'walletToken', {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of a wallet, from POST /v1/auth/verify.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'adminKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'ADMIN_API_KEY.',
  })
}

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
