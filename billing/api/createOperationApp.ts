import { OpenAPIHono } from '@hono/zod-openapi'
import { proxy } from 'hono/proxy'
import { loggableError } from '../log/loggableError.ts'
import type { Api, ApiEnv } from './appDeps.ts'
import { problem } from './problem.ts'
import { authenticate } from './request/guards.ts'
import { addHealthRoutes, addMetricsRoute, type OperationDeps } from './routes/healthRoutes.ts'

const INDEXER_METRICS_TIMEOUT_MS = 2_000
const INDEXER_TIMEOUT_MS = 30_000

/**
 * Makes what a role without the API serves: health and metrics. On the machine of the indexer everything else is passed on to it,
 * and its own metrics (`ponder_…`) stand below ours.
 *
 * @param indexerUrl where the indexer of this machine serves; null: there is none.
 */
export function createOperationApp(deps: OperationDeps, indexerUrl: string | null): Api {
  const { config, logger, metrics } = deps
  const app: Api = new OpenAPIHono<ApiEnv>()
  app.onError((error, c) => {
    logger.error({ error: loggableError(error, config), method: c.req.method }, 'a request broke')
    return problem(c, 'internal_error', 'Something broke on our side. It is in our log.')
  })
  app.notFound((c) => problem(c, 'not_found', 'Nothing lives at this path.'))
  addHealthRoutes(app, deps)
  const text = async () => (await metrics.text()) + (await indexerMetrics(indexerUrl))
  // No wallet signs in here, so that keys are all there is.
  const requireKey = authenticate(config, { addressOf: async () => null })
  addMetricsRoute(app, { ...deps, metrics: { ...metrics, text }, requireKey })
  if (indexerUrl !== null) {
    app.all('*', async (c) => {
      const { pathname, search } = new URL(c.req.url)
      try {
        return await proxy(new URL(`${pathname}${search}`, indexerUrl), {
          raw: c.req.raw,
          signal: AbortSignal.timeout(INDEXER_TIMEOUT_MS),
        })
      } catch {
        return problem(c, 'indexer_unavailable', 'The indexer does not answer at the moment.', {
          retryAfterSeconds: 5,
        })
      }
    })
  }
  return app
}

/** Not those of its process, which have the names of ours. */
async function indexerMetrics(indexerUrl: string | null): Promise<string> {
  if (indexerUrl === null) return ''
  try {
    const signal = AbortSignal.timeout(INDEXER_METRICS_TIMEOUT_MS)
    const text = await (await fetch(new URL('/metrics', indexerUrl), { signal })).text()
    return text.replace(/^(?!(?:# (?:HELP|TYPE) )?ponder_).*\n?/gm, '')
  } catch {
    return ''
  }
}

/** Whether the indexer of this machine answers at all; one sentence that says no, or null. */
export async function readIndexerServing(indexerUrl: string): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(INDEXER_METRICS_TIMEOUT_MS)
    const { ok } = await fetch(new URL('/health', indexerUrl), { signal })
    return ok ? null : 'the indexer does not serve'
  } catch {
    return 'the indexer does not answer'
  }
}
