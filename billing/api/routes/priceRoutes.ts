import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../appDeps.ts'
import { PriceSchema, priceJson } from '../json/priceJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { instantField, railField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'
import { pageJson, pageQuery, pageRequest, pageSchema } from '../request/pages.ts'

const pricesRoute = createRoute({
  method: 'get',
  path: '/v1/prices',
  tags: ['Buying'],
  summary: 'What a rail was worth, newest first',
  description:
    'The prices that credits were given by, and those noted in passing, by the time of their blocks.',
  request: {
    query: z
      .object({
        ...pageQuery,
        rail: railField,
        from: instantField.optional().openapi({
          description: 'Blocks of this time and later: an ISO 8601 date-time, or whole Unix seconds.',
        }),
        to: instantField.optional().openapi({ description: 'Blocks before this time, in either form.' }),
      })
      .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
        path: ['from'],
        message: 'must be before `to`',
      }),
  },
  responses: {
    200: {
      description: 'One page.',
      content: { 'application/json': { schema: pageSchema(PriceSchema) } },
    },
    ...problemResponses('invalid_request', 'rail_unknown', 'internal_error'),
  },
})

/** Adds /v1/prices. It costs no RPC call, so it uses none of the caller's budget; a page is bounded. */
export function addPricesRoute(app: Api, deps: RouteDeps): void {
  app.openapi(pricesRoute, async (c) => {
    const { rail, from, to, ...page } = c.req.valid('query')
    const isEnabled = deps.rails().some((enabled) => enabled.rail === rail)
    if (!isEnabled) return problem(c, 'rail_unknown', `${rail} is not enabled here.`)
    const prices = await deps.prices.list({ rail, from: from ?? null, to: to ?? null }, pageRequest(page))
    if (prices.kind === 'bad_cursor') return problem(c, 'invalid_request', 'The cursor is not of this list.')
    return c.json(pageJson(prices, priceJson), 200)
  })
}
