import { createRoute, z } from '@hono/zod-openapi'
import { accountReads } from './accountReads.ts'
import { problemResponses } from './problemResponses.ts'
import { pageQuery, pageRequest } from './request/pages.ts'
import type { Api, RouteDeps } from './routeDeps.ts'

const query = z.object(pageQuery)
const refusals = problemResponses('unauthorized', 'forbidden', 'internal_error')
const listRefusals = problemResponses('unauthorized', 'forbidden', 'invalid_request', 'internal_error')

/** Adds what a wallet that has signed in may read: its own account, which its token names, and no other. */
export function addWalletRoutes(app: Api, deps: RouteDeps): void {
  const reads = accountReads(deps)
  const shared = {
    method: 'get' as const,
    tags: ['Wallet'],
    security: [{ walletToken: [] }],
    middleware: deps.requireWallet,
  }

  const balanceRoute = createRoute({
    ...shared,
    path: '/v1/balance',
    summary: 'What I hold, and how long it lasts',
    responses: { ...reads.declared.balance, ...refusals },
  })
  app.openapi(balanceRoute, (c) => reads.balance(c, c.get('wallet')))

  const depositsRoute = createRoute({
    ...shared,
    path: '/v1/deposits',
    summary: 'What I have paid, newest first',
    request: { query },
    responses: { ...reads.declared.deposits, ...listRefusals },
  })
  app.openapi(depositsRoute, (c) => reads.deposits(c, c.get('wallet'), pageRequest(c.req.valid('query'))))

  const ledgerRoute = createRoute({
    ...shared,
    path: '/v1/ledger',
    summary: 'Every posting to my account, newest first',
    request: { query },
    responses: { ...reads.declared.ledger, ...listRefusals },
  })
  app.openapi(ledgerRoute, (c) => reads.ledger(c, c.get('wallet'), pageRequest(c.req.valid('query'))))

  const sessionsRoute = createRoute({
    ...shared,
    path: '/v1/sessions',
    summary: 'My sessions, newest first',
    request: { query },
    responses: { ...reads.declared.sessions, ...listRefusals },
  })
  app.openapi(sessionsRoute, (c) => reads.sessions(c, c.get('wallet'), pageRequest(c.req.valid('query'))))
}
