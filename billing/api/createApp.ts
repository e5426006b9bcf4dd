import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { routePath } from 'hono/route'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from 'pino'
import { databaseFault } from '../database/faults.ts'
import type { Metrics } from '../health/createMetrics.ts'
import { loggableError } from '../log/loggableError.ts'
import type { Api, ApiEnv, AppDeps } from './appDeps.ts'
import { databaseProblem, problem, requestFaults } from './problem.ts'
import { rateLimit, rpcBudget } from './request/budgets.ts'
import type { RouteDeps } from './request/guards.ts'
import { authenticate, callerOf, requireWallet } from './request/guards.ts'
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
    if (hasHungUp(c, error)) {
      logger.debug({ method: c.req.method }, 'a caller hung up')
      // Nobody reads it; the code is nginx's, for logs and metrics.
      return c.body(null, HUNG_UP as ContentfulStatusCode)
    }
    if (error instanceof HTTPException && error.status === 400) {
      return problem(c, 'malformed_json', 'The body is not JSON in UTF-8.')
    }
    const fault = databaseFault(error)
    if (fault !== null) {
      logger.warn({ error: loggableError(error, config), fault }, 'the database did not serve a request')
      return databaseProblem(c, fault)
    }
    logger.error({ error: loggableError(error, config), method: c.req.method }, 'a request broke')
    return problem(c, 'internal_error', 'Something broke on our side. It is in our log.')
  })

  registerKeys(app)
  const caller = callerOf(config, deps.walletTokens)
  const { rateLimitPerMinute: perMinute, trustProxy } = config
  const limit = rateLimit({ perMinute, trustProxy, callerOf: caller })
  addRoutes(app, {
    ...deps,
    requireKey: authenticate(config, deps.walletTokens),
    requireWallet: requireWallet(config, deps.walletTokens),
    rateLimit: limit,
    rpcBudget: rpcBudget({
      perMinutePerClient: config.rateLimitPerMinute,
      rpcs: config.chains.reduce((sum, { rpcUrls }) => sum + rpcUrls.length, 0),
      rateLimit: limit,
      callerOf: caller,
    }),
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

/** "Client closed request", as nginx has it. Never sent. */
const HUNG_UP = 499

/** Whether an error is nothing but the caller's leaving: the body broke off, or what was asked on its behalf was given up. */
function hasHungUp(c: Context<ApiEnv>, error: Error): boolean {
  const incoming = c.env?.incoming
  if (incoming === undefined) return false
  const isCutOff = incoming.destroyed && !incoming.complete
  return isCutOff || (incoming.socket?.destroyed === true && error.name === 'AbortError')
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/**
 * Makes the middleware that counts and times every request and logs one debug line for it. Labels and lines hold the route's
 * pattern, never the path, the query or a header: those come from outside, are unbounded, and may hold keys. A caller that
 * was gone before the answer counts as 499, whatever would have been answered.
 */
export function observeRequests(metrics: Metrics, logger: Logger): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const startedAtMs = performance.now()
    await next()
    const durationMs = performance.now() - startedAtMs
    const pattern = routePath(c, -1)
    const route = pattern.includes('*') ? 'unmatched' : pattern
    const method = knownMethods.has(c.req.method) ? c.req.method : 'other'
    const isGone = c.env?.incoming?.socket?.destroyed === true
    const status = String(isGone ? HUNG_UP : c.res.status)
    metrics.httpRequestsTotal.inc({ method, route, status })
    metrics.httpRequestDurationSeconds.observe({ method, route }, durationMs / 1000)
    logger.debug({ method, route, status, durationMs: Math.round(durationMs) }, 'request')
  }
}
