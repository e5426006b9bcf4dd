import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnv, AppDeps } from './appDeps.ts'
import type { HashBudget, RateLimit } from './request/budgets.ts'
import type { authenticate, requireWallet } from './request/guards.ts'

/** The application that routes are added to. */
export type Api = OpenAPIHono<ApiEnv>

/** What routes receive: the app's dependencies and the guards they share. */
export interface RouteDeps extends AppDeps {
  requireKey: ReturnType<typeof authenticate>
  requireWallet: ReturnType<typeof requireWallet>
  rateLimit: RateLimit
  hashBudget: HashBudget
}
