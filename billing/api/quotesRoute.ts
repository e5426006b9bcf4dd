import { createRoute, z } from '@hono/zod-openapi'
import type { Rail } from '../config/config.ts'
import type { Quote } from '../pricing/quote.ts'
import { quoteToJson } from '../pricing/quoteJson.ts'
import { addressField } from './addressField.ts'
import type { RailInfo } from './appDeps.ts'
import { bigintText } from './bigintText.ts'
import { formatMinutes } from './formatMinutes.ts'
import { minutesText } from './minutesText.ts'
import { parseAmount } from './parseAmount.ts'
import { problem } from './problem.ts'
import { problemResponses } from './problemResponses.ts'
import type { Api, RouteDeps } from './routeDeps.ts'

/** The most that any token can hold. */
const MAX_BASE_UNITS = 2n ** 256n - 1n

const percentText = z.string().openapi({ example: '25' })

const QuoteSchema = z
  .strictObject({
    rail: z.string(),
    amountBaseUnits: bigintText,
    minimumBaseUnits: bigintText.openapi({ description: "The wallet's own minimum." }),
    creditMicros: bigintText,
    creditMinutes: minutesText,
    tier: z.strictObject({ index: z.int(), label: z.string(), discountPercent: percentText }),
    axgtBalance: bigintText.nullable().openapi({ description: 'In base units, at the block of the quote.' }),
    bonusPercent: percentText,
    price: z.strictObject({
      mode: z.literal('fixed'),
      microsPerBaseUnit: z
        .strictObject({ numerator: bigintText, denominator: bigintText })
        .openapi({ description: 'The exact rate. The credit is the amount times it, floored once.' }),
      description: z.string(),
    }),
    asOfBlock: z.strictObject({ number: bigintText, hash: z.string() }),
  })
  .openapi('Quote')

const quotesRoute = createRoute({
  method: 'get',
  path: '/v1/quotes',
  tags: ['Buying'],
  summary: 'What an amount would be credited as',
  description:
    'For a payment in the block of the quote. Balance and price of a real payment are read at its own block.',
  request: {
    query: z.object({
      rail: z
        .string()
        .regex(/^(eth|usdc|axgt):[1-9]\d{0,14}$/, 'must be asset:chainId')
        .transform((text) => text as Rail)
        .openapi({ example: 'eth:1' }),
      wallet: addressField.optional().openapi({ description: 'Whose tier; tier 0 without.' }),
      amount: z.string().max(160).optional().openapi({
        description: "In asset units, exact. The wallet's minimum without.",
        example: '0.0005',
      }),
    }),
  },
  responses: {
    200: { description: 'The quote.', content: { 'application/json': { schema: QuoteSchema } } },
    ...problemResponses(
      'invalid_request',
      'rail_unknown',
      'amount_too_large',
      'rate_limited',
      'internal_error',
      'price_unavailable',
    ),
  },
})

/** Adds /v1/quotes. */
export function addQuotesRoute(app: Api, deps: RouteDeps): void {
  app.openapi(quotesRoute, async (c) => {
    const query = c.req.valid('query')
    const rail = deps.rails().find((enabled) => enabled.rail === query.rail)
    if (!rail) return problem(c, 'rail_unknown', `${query.rail} is not enabled here.`)
    const amountBaseUnits = query.amount === undefined ? null : parseAmount(query.amount, rail.decimals)
    if (query.amount !== undefined && amountBaseUnits === null) {
      const message = amountFault(rail)
      const faults = [{ in: 'query', path: 'amount', message }]
      return problem(c, 'invalid_request', `amount ${message}.`, { faults })
    }
    if (amountBaseUnits !== null && amountBaseUnits > MAX_BASE_UNITS) {
      return problem(c, 'amount_too_large', 'No token can hold that much.')
    }

    const retryAfterSeconds = await deps.rateLimit(c)
    if (retryAfterSeconds !== null) {
      return problem(c, 'rate_limited', 'Too many requests from this address.', { retryAfterSeconds })
    }

    const result = await deps.quoter.quote({ rail: rail.rail, wallet: query.wallet ?? null, amountBaseUnits })
    switch (result.kind) {
      case 'quoted':
        return c.json(quoteJson(result.quote), 200)
      case 'rail_unknown':
        return problem(c, 'rail_unknown', `${query.rail} is not enabled here.`)
      case 'amount_too_large':
        return problem(c, 'amount_too_large', 'The amount is worth more than one credit may hold.')
      case 'price_unavailable':
        return problem(c, 'price_unavailable', `There is no price for ${query.rail} at the moment.`, {
          retryAfterSeconds: result.retryAfterSeconds,
        })
    }
  })
}

function amountFault({ symbol, decimals }: RailInfo): string {
  return `must be a plain decimal number above 0 with at most ${decimals} decimals, in ${symbol}`
}

function quoteJson(quote: Quote): z.input<typeof QuoteSchema> {
  // What is shown is the snapshot that would be stored, without whose it is: the caller said that.
  const { wallet: _, ...snapshot } = quoteToJson(quote)
  return { ...snapshot, creditMinutes: formatMinutes(quote.creditMicros) }
}
