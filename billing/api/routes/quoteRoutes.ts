import { createRoute, z } from '@hono/zod-openapi'
import type { Quote } from '../../pricing/quote.ts'
import type { Api, RailInfo } from '../appDeps.ts'
import { bigintText, formatMinutes, minutesText, usdText } from '../json/amounts.ts'
import { PriceSourceSchema, priceSourceJson } from '../json/priceJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { addressField, parseAmount, railField, wantedMinutesField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'

/** The most that any token can hold. */
const MAX_BASE_UNITS = 2n ** 256n - 1n

const percentText = z.string().openapi({ example: '25' })

/** The schema of a quote. */
export const QuoteSchema = z
  .strictObject({
    rail: z.string(),
    amountBaseUnits: bigintText,
    minimumBaseUnits: bigintText.openapi({ description: "The wallet's own minimum." }),
    creditMicros: bigintText,
    creditMinutes: minutesText,
    tier: z.strictObject({ index: z.int(), label: z.string(), discountPercent: percentText }),
    axgtBalance: bigintText.nullable().openapi({ description: 'In base units, at the block of the quote.' }),
    bonusPercent: percentText,
    price: usdText,
    priceSource: PriceSourceSchema,
    rate: z.strictObject({ numerator: bigintText, denominator: bigintText }).openapi({
      description: 'Micros per base unit, exact. The credit is the amount times it, floored once.',
    }),
    asOfBlock: z.strictObject({ number: bigintText, hash: z.string() }),
  })
  .openapi('Quote')

const quotesRoute = createRoute({
  method: 'get',
  path: '/v1/quotes',
  tags: ['Buying'],
  summary: 'What an amount would be credited as, or what a number of minutes costs',
  description:
    'For a payment in the block of the quote. Balance and price of a real payment are read at its own block.',
  request: {
    query: z
      .object({
        rail: railField,
        wallet: addressField.optional().openapi({ description: 'Whose tier; tier 0 without.' }),
        amount: z.string().max(160).optional().openapi({
          description: "In asset units, exact. Without it and `minutes`, the wallet's minimum.",
          example: '0.0005',
        }),
        minutes: wantedMinutesField.optional().openapi({
          description: 'Instead of `amount`: the least amount that yields at least this many minutes.',
        }),
      })
      .refine(({ amount, minutes }) => amount === undefined || minutes === undefined, {
        path: ['minutes'],
        message: 'cannot be given together with `amount`',
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

    const result = await deps.quoter.quote({
      rail: rail.rail,
      wallet: query.wallet ?? null,
      amountBaseUnits,
      atLeastMicros: query.minutes ?? null,
    })
    switch (result.kind) {
      case 'quoted':
        // At a price near nothing, minutes may cost more than there can be.
        if (result.quote.amountBaseUnits > MAX_BASE_UNITS) {
          return problem(c, 'amount_too_large', 'No token can hold that much.')
        }
        return c.json(quoteJson(result.quote), 200)
      case 'rail_unknown':
        return problem(c, 'rail_unknown', `${query.rail} is not enabled here.`)
      case 'amount_too_large':
        return problem(c, 'amount_too_large', 'The amount is worth more than one credit may hold.')
      case 'price_unavailable':
        return problem(
          c,
          'price_unavailable',
          `There is no price for ${query.rail} at the moment: ${result.why}.`,
          { retryAfterSeconds: result.retryAfterSeconds },
        )
    }
  })
}

function amountFault({ symbol, decimals }: RailInfo): string {
  return `must be a plain decimal number above 0 with at most ${decimals} decimals, in ${symbol}`
}

function quoteJson(quote: Quote): z.input<typeof QuoteSchema> {
  const { usdPerUnit, microsPerBaseUnit } = quote.price
  if (usdPerUnit === null) throw new Error('a quote of now has its price in USD')
  // The wallet is left out: the caller named it.
  return {
    rail: quote.rail,
    amountBaseUnits: quote.amountBaseUnits.toString(),
    minimumBaseUnits: quote.minimumBaseUnits.toString(),
    creditMicros: quote.creditMicros.toString(),
    creditMinutes: formatMinutes(quote.creditMicros),
    tier: { ...quote.tier },
    axgtBalance: quote.axgtBalance?.toString() ?? null,
    bonusPercent: quote.bonusPercent,
    price: usdPerUnit,
    priceSource: priceSourceJson(quote.price),
    rate: {
      numerator: microsPerBaseUnit.numerator.toString(),
      denominator: microsPerBaseUnit.denominator.toString(),
    },
    asOfBlock: { number: quote.asOfBlock.number.toString(), hash: quote.asOfBlock.hash },
  }
}
