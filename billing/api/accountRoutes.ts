import { createRoute, z } from '@hono/zod-openapi'
import { addressField } from './addressField.ts'
import { BalanceSchema, balanceJson } from './balanceJson.ts'
import { DepositSchema, depositJson } from './depositJson.ts'
import { EntrySchema, entryJson } from './entryJson.ts'
import { pageJson, pageSchema } from './pageJson.ts'
import { pageQuery, pageRequest } from './pageQuery.ts'
import { problem } from './problem.ts'
import { problemResponses } from './problemResponses.ts'
import type { Api, RouteDeps } from './routeDeps.ts'

const params = z.object({ address: addressField })
const query = z.object(pageQuery)

/** Adds what the service may read of any account. An address never seen has balance 0 and empty lists. */
export function addAccountRoutes(app: Api, deps: RouteDeps): void {
  const shared = {
    method: 'get' as const,
    tags: ['Accounts'],
    security: [{ serviceKey: [] }],
    middleware: [deps.requireKey('service')],
  }
  const refusals = problemResponses('unauthorized', 'invalid_request', 'internal_error')

  const balanceRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/balance',
    summary: 'What an account holds',
    request: { params },
    responses: {
      200: { description: 'The balance.', content: { 'application/json': { schema: BalanceSchema } } },
      ...refusals,
    },
  })
  app.openapi(balanceRoute, async (c) => {
    const { address } = c.req.valid('param')
    return c.json(balanceJson(address, await deps.ledger.readBalance(address)), 200)
  })

  const depositsRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/deposits',
    summary: 'What an account has paid, newest first',
    request: { params, query },
    responses: {
      200: {
        description: 'One page.',
        content: { 'application/json': { schema: pageSchema(DepositSchema) } },
      },
      ...refusals,
    },
  })
  app.openapi(depositsRoute, async (c) => {
    const { address } = c.req.valid('param')
    const page = await deps.deposits.listByPayer(address, pageRequest(c.req.valid('query')))
    if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', 'The cursor is not of this list.')
    return c.json(pageJson(page, depositJson), 200)
  })

  const ledgerRoute = createRoute({
    ...shared,
    path: '/v1/accounts/{address}/ledger',
    summary: 'Every posting to an account, newest first',
    request: { params, query },
    responses: {
      200: {
        description: 'One page.',
        content: { 'application/json': { schema: pageSchema(EntrySchema) } },
      },
      ...refusals,
    },
  })
  app.openapi(ledgerRoute, async (c) => {
    const { address } = c.req.valid('param')
    const page = await deps.ledger.listEntries(address, pageRequest(c.req.valid('query')))
    if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', 'The cursor is not of this list.')
    return c.json(pageJson(page, entryJson), 200)
  })
}
