import { z } from '@hono/zod-openapi'
import { type PriceView, priceSources } from '../../pricing/priceView.ts'
import { bigintText } from '../bigintText.ts'
import { usdText } from '../usdText.ts'

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
