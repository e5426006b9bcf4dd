import type { Rail } from '../config/config.ts'

/** Where a price came from. */
export const priceSources = ['fixed', 'chainlink', 'twap'] as const
export type PriceSource = (typeof priceSources)[number]

/** One price of the history: used for a credit, or recorded in between. */
export interface PriceView {
  rail: Rail
  /** USD per whole unit of the asset, a decimal string with at most 18 decimals, floored. */
  usdPerUnit: string
  source: PriceSource
  /** Of the ETH/USD feed; null at fixed rates. */
  roundId: bigint | null
  /** When the ETH/USD feed had last been updated; null at fixed rates. */
  updatedAt: Date | null
  blockNumber: bigint
  blockHash: string
  blockTimestamp: Date
}
