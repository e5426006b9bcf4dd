import { z } from '@hono/zod-openapi'
import { type PriceView, priceSources } from '../../pricing/oracleReading.ts'
import type { QuotePrice } from '../../pricing/quote.ts'
import { bigintText, usdText } from './amounts.ts'

/** The schema of one price of the history. */
export const PriceSchema = z
  .strictObject({
    rail: z.string(),
    price: usdText,
    source: z.enum(priceSources),
    round: bigintText.nullable().openapi({ description: 'Of the ETH/USD feed; null at a fixed rate.' }),
    updatedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'When the ETH/USD feed had last been updated; null at a fixed rate.' }),
    blockNumber: bigintText,
    blockHash: z.string(),
    blockTime: z.iso.datetime(),
  })
  .openapi('Price')

/** One price of the history as JSON. */
export function priceJson(price: PriceView): z.input<typeof PriceSchema> {
  return {
    rail: price.rail,
    price: price.usdPerUnit,
    source: price.source,
    round: price.roundId?.toString() ?? null,
    updatedAt: price.updatedAt?.toISOString() ?? null,
    blockNumber: price.blockNumber.toString(),
    blockHash: price.blockHash,
    blockTime: price.blockTimestamp.toISOString(),
  }
}

/** The schema of a quote's price source. All fields but `kind` and `description` are null at a fixed rate. */
export const PriceSourceSchema = z
  .strictObject({
    kind: z.enum(priceSources).openapi({
      description: "The operator's rate, Chainlink's ETH/USD, or the pool's TWAP times Chainlink's ETH/USD.",
    }),
    description: z.string(),
    round: bigintText.nullable().openapi({ description: 'Of the ETH/USD feed.' }),
    updatedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'When the ETH/USD feed was last updated.' }),
    ageSeconds: z.int().nullable().openapi({ description: 'How long before the block that was.' }),
    feed: z.string().nullable().openapi({ description: 'The ETH/USD feed.' }),
    pool: z.string().nullable().openapi({ description: 'The Uniswap v3 pool, where the price is a TWAP.' }),
    twapSeconds: z.int().nullable().openapi({ description: 'What the TWAP is the mean over.' }),
    block: z
      .strictObject({ number: bigintText, hash: z.string() })
      .nullable()
      .openapi({ description: 'After which feed and pool were read.' }),
  })
  .openapi('PriceSource')

/** A quote's price source as JSON. */
export function priceSourceJson({
  mode,
  description,
  reading,
}: QuotePrice): z.input<typeof PriceSourceSchema> {
  const feed = reading?.ethUsd.kind === 'answered' ? reading.ethUsd : null
  const pool = mode === 'twap' && reading?.pool?.kind === 'answered' ? reading.pool : null
  return {
    kind: mode,
    description,
    round: feed?.roundId.toString() ?? null,
    updatedAt: feed === null ? null : new Date(Number(feed.updatedAt) * 1000).toISOString(),
    ageSeconds: reading === null || feed === null ? null : Number(reading.block.timestamp - feed.updatedAt),
    feed: feed?.feed ?? null,
    pool: pool?.pool ?? null,
    twapSeconds: pool?.fast?.seconds ?? null,
    block: reading === null ? null : { number: reading.block.number.toString(), hash: reading.block.hash },
  }
}
