import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Address } from 'viem'
import type { PageRequest } from '../../database/page.ts'
import type { Api, AppDeps } from '../appDeps.ts'
import { BalanceSchema, balanceJson, EntrySchema, entryJson } from '../json/accountJson.ts'
import { DepositSchema, depositJson } from '../json/depositJson.ts'
import { SessionSchema, sessionJson } from '../json/sessionJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { addressField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'
import { pageJson, pageQuery, pageRequest, pageSchema } from '../request/pages.ts'

const params = z.object({ address: addressField })
const query = z.object(pageQuery)
const refusals = problemResponses('unauthorized', 'forbidden', 'invalid_request', 'internal_error')

/** Adds the routes on which the service reads any account. */
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

const balanceRefusals = problemResponses('unauthorized', 'forbidden', 'internal_error')

/** Adds the routes on which a signed-in wallet reads its own account, which its token names, and no other. */
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
    responses: { ...reads.declared.balance, ...balanceRefusals },
  })
  app.openapi(balanceRoute, (c) => reads.balance(c, c.get('wallet')))

  const depositsRoute = createRoute({
    ...shared,
    path: '/v1/deposits',
    summary: 'What I have paid, newest first',
    request: { query },
    responses: { ...reads.declared.deposits, ...refusals },
  })
  app.openapi(depositsRoute, (c) => reads.deposits(c, c.get('wallet'), pageRequest(c.req.valid('query'))))

  const ledgerRoute = createRoute({
    ...shared,
    path: '/v1/ledger',
    summary: 'Every posting to my account, newest first',
    request: { query },
    responses: { ...reads.declared.ledger, ...refusals },
  })
  app.openapi(ledgerRoute, (c) => reads.ledger(c, c.get('wallet'), pageRequest(c.req.valid('query'))))

  const sessionsRoute = createRoute({
    ...shared,
    path: '/v1/sessions',
    summary: 'My sessions, newest first',
    request: { query },
    responses: { ...reads.declared.sessions, ...refusals },
  })
  app.openapi(sessionsRoute, (c) => reads.sessions(c, c.get('wallet'), pageRequest(c.req.valid('query'))))
}

const BAD_CURSOR = 'The cursor is not of this list.'

const answers = {
  balance: { schema: BalanceSchema, description: 'The balance.' },
  deposits: { schema: pageSchema(DepositSchema), description: 'One page.' },
  ledger: { schema: pageSchema(EntrySchema), description: 'One page.' },
  sessions: { schema: pageSchema(SessionSchema), description: 'One page.' },
}

/**
 * The answers about one account, the same for the wallet itself and for the service, and in `declared` the responses of
 * their routes. An unknown address has balance 0 and empty lists.
 */
function accountReads({ metering, deposits, ledger }: Pick<AppDeps, 'metering' | 'deposits' | 'ledger'>) {
  return {
    declared: {
      balance: declare(answers.balance),
      deposits: declare(answers.deposits),
      ledger: declare(answers.ledger),
      sessions: declare(answers.sessions),
    },
    async balance(c: Context, address: Address) {
      return c.json(balanceJson(await metering.readAccount(address)), 200)
    },
    async deposits(c: Context, address: Address, request: PageRequest) {
      const page = await deposits.listByPayer(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, depositJson), 200)
    },
    async ledger(c: Context, address: Address, request: PageRequest) {
      const page = await ledger.listEntries(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, entryJson), 200)
    },
    async sessions(c: Context, address: Address, request: PageRequest) {
      const page = await metering.listSessions(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, sessionJson), 200)
    },
  }
}

function declare<Schema>({ schema, description }: { schema: Schema; description: string }) {
  return { 200: { description, content: { 'application/json': { schema } } } }
}
