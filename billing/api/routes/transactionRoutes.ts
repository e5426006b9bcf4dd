import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../appDeps.ts'
import { TransactionSchema, transactionJson } from '../json/depositJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody } from '../request/body.ts'
import { hashField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'

const CHAIN_RETRY_SECONDS = 5

const transactionContent = { 'application/json': { schema: TransactionSchema } }

const lookRoute = createRoute({
  method: 'get',
  path: '/v1/transactions/{txHash}',
  tags: ['Buying'],
  summary: 'What a transaction pays and how far it is',
  request: { params: z.object({ txHash: hashField }) },
  responses: {
    200: { description: 'What is known of it.', content: transactionContent },
    ...problemResponses(
      'transaction_not_found',
      'invalid_request',
      'rate_limited',
      'internal_error',
      'chain_unavailable',
    ),
  },
})

const submitRoute = createRoute({
  method: 'post',
  path: '/v1/deposits',
  tags: ['Buying'],
  summary: 'Have a transaction checked now',
  description:
    'Never needed for an ordinary payment, which is found and credited automatically; it helps with a missed one. ' +
    'Credits the payer, whoever submits it, and never twice.',
  middleware: [jsonBody()],
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              txHash: hashField,
              chainId: z
                .int()
                .min(1)
                .optional()
                .openapi({ description: 'By default all configured chains.' }),
            })
            .openapi('DepositSubmission'),
        },
      },
    },
  },
  responses: {
    200: { description: 'Settled: nothing will change any more.', content: transactionContent },
    202: { description: 'Pending: it waits for confirmations, or is held.', content: transactionContent },
    ...problemResponses(
      'malformed_json',
      'transaction_not_found',
      'body_too_large',
      'unsupported_media_type',
      'invalid_request',
      'no_qualifying_transfer',
      'transaction_failed',
      'rate_limited',
      'internal_error',
      'chain_unavailable',
    ),
  },
})

/** Adds GET /v1/transactions/{txHash} and POST /v1/deposits. */
export function addTransactionRoutes(app: Api, deps: RouteDeps): void {
  app.openapi(lookRoute, async (c) => {
    const { txHash } = c.req.valid('param')
    const retryAfterSeconds = await deps.rateLimit(c)
    if (retryAfterSeconds !== null) {
      return problem(c, 'rate_limited', 'Too many requests from this address.', { retryAfterSeconds })
    }
    const lookup = await deps.hashBudget(txHash, () => deps.desk.look(txHash))
    switch (lookup.kind) {
      case 'found':
        return c.json(transactionJson(lookup.transaction), 200)
      case 'not_found':
        return problem(c, 'transaction_not_found', `No configured chain knows ${txHash}.`)
      case 'unavailable':
        return problem(c, 'chain_unavailable', 'A chain could not be asked.', {
          retryAfterSeconds: CHAIN_RETRY_SECONDS,
        })
      case 'rate_limited':
        return problem(c, 'rate_limited', 'Too many unknown transactions are being looked up.', {
          retryAfterSeconds: lookup.retryAfterSeconds,
        })
    }
  })

  app.openapi(submitRoute, async (c) => {
    const { txHash, chainId } = c.req.valid('json')
    if (chainId !== undefined && !deps.config.chains.some((chain) => chain.chainId === chainId)) {
      const faults = [{ in: 'json', path: 'chainId', message: 'is not a configured chain' }]
      return problem(c, 'invalid_request', `Chain ${chainId} is not configured.`, { faults })
    }
    const retryAfterSeconds = await deps.rateLimit(c)
    if (retryAfterSeconds !== null) {
      return problem(c, 'rate_limited', 'Too many requests from this address.', { retryAfterSeconds })
    }
    const lookup = await deps.hashBudget(txHash, () => deps.desk.submit(txHash, chainId))
    switch (lookup.kind) {
      case 'found':
        break
      case 'not_found':
        return problem(c, 'transaction_not_found', `No chain that was asked knows ${txHash}.`)
      case 'unavailable':
        return problem(c, 'chain_unavailable', 'A chain could not be asked.', {
          retryAfterSeconds: CHAIN_RETRY_SECONDS,
        })
      case 'rate_limited':
        return problem(c, 'rate_limited', 'Too many unknown transactions are being looked up.', {
          retryAfterSeconds: lookup.retryAfterSeconds,
        })
    }
    const { transaction } = lookup
    switch (transaction.outcome) {
      case 'settled':
        return c.json(transactionJson(transaction), 200)
      case 'pending':
        return c.json(transactionJson(transaction), 202)
      case 'no_qualifying_transfer':
        return problem(c, 'no_qualifying_transfer', `${txHash} pays nothing that is credited.`)
      case 'transaction_failed':
        return problem(c, 'transaction_failed', `${txHash} was mined but failed.`)
    }
  })
}
