import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnv } from './apiEnv.ts'
import type { AppDeps } from './appDeps.ts'
import type { HashBudget } from './hashBudget.ts'
import type { RateLimit } from './request/budgets.ts'
import type { authenticate } from './request/guards.ts'
import type { requireWallet } from './requireWallet.ts'

/** The application that routes are added to. */
export type Api = OpenAPIHono<ApiEnv>

/** What routes are given: the dependencies of the app and the guards they share. */
export interface RouteDeps extends AppDeps {
  requireKey: ReturnType<typeof authenticate>
  requireWallet: ReturnType<typeof requireWallet>
  rateLimit: RateLimit
  hashBudget: HashBudget
}
