import { createRoute, z } from '@hono/zod-openapi'
import { accountReads } from '../accountReads.ts'
import { problemResponses } from '../problemResponses.ts'
import { addressField } from '../request/fields.ts'
import { pageQuery, pageRequest } from '../request/pages.ts'
import type { Api, RouteDeps } from '../routeDeps.ts'

const params = z.object({ address: addressField })
const query = z.object(pageQuery)
const refusals = problemResponses('unauthorized', 'forbidden', 'invalid_request', 'internal_error')

/** Adds what the service may read of any account. */
export function addAccountRoutes(app: Api, deps: RouteDeps): void {
  const reads = accountReads(deps)
  const shared = {
    method: 'get' as const,
    tags: ['Accounts'],
    security: [{ serviceKey: [] }],
    middleware: [deps.requireKey('service')],
  }

  const balanceRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/balance',
    summary: 'What an account holds',
    request: { params },
    responses: { ...reads.declared.balance, ...refusals },
  })
  app.openapi(balanceRoute, (c) => reads.balance(c, c.req.valid('param').address))

  const depositsRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/deposits',
    summary: 'What an account has paid, newest first',
    request: { params, query },
    responses: { ...reads.declared.deposits, ...refusals },
  })
  app.openapi(depositsRoute, (c) =>
    reads.deposits(c, c.req.valid('param').address, pageRequest(c.req.valid('query'))),
  )

  const ledgerRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/ledger',
    summary: 'Every posting to an account, newest first',
    request: { params, query },
    responses: { ...reads.declared.ledger, ...refusals },
  })
  app.openapi(ledgerRoute, (c) =>
    reads.ledger(c, c.req.valid('param').address, pageRequest(c.req.valid('query'))),
  )

  const sessionsRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/sessions',
    summary: 'The sessions of an account, newest first',
    request: { params, query },
    responses: { ...reads.declared.sessions, ...refusals },
  })
  app.openapi(sessionsRoute, (c) =>
    reads.sessions(c, c.req.valid('param').address, pageRequest(c.req.valid('query'))),
  )
}
