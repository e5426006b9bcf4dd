import type { Asset, Fraction, PricingConfig, RailConfig } from '../config/config.ts'
import type { AxgtHistory } from './axgtHistory.ts'
import { axgtUsd, type Deviation } from './axgtUsd.ts'
import { ethUsd } from './ethUsd.ts'
import { compare, divide, fractionOf, multiply } from './fraction.ts'
import type { OracleReading, PriceSource } from './oracleReading.ts'

const MINUTES_PER_HOUR = 60n
const ONE_USD = fractionOf(1n)
/** More than all the money there is: a source that answers more is broken, and the number would fit no column. */
const MAX_USD_PER_UNIT = fractionOf(10n ** 24n)

export interface RailPriceInput {
  pricing: PricingConfig
  rail: Pick<RailConfig, 'asset' | 'chainId'>
  /** null where nothing was read: enough for a fixed rate. */
  oracle: OracleReading | null
  /** What an AXGT price at the TWAP is compared with; of no meaning for other prices. */
  history: AxgtHistory | null
  deviation: Deviation
}

/** USD per whole unit of an asset, exact, and what it is based on; or why there is no price to trust. */
export type RailPrice =
  | { kind: 'priced'; source: PriceSource; usdPerUnit: Fraction; reading: OracleReading | null }
  | { kind: 'unavailable'; why: string }

/** Prices a unit of an asset in USD, by the operator's rate or by what feed and pool said. Pure. */
export function priceRail(input: RailPriceInput): RailPrice {
  const price = unboundedPrice(input)
  if (price.kind === 'unavailable' || compare(price.usdPerUnit, MAX_USD_PER_UNIT) <= 0) return price
  return { kind: 'unavailable', why: 'the price is beyond anything that can be one' }
}

function unboundedPrice(input: RailPriceInput): RailPrice {
  const { pricing, rail } = input
  switch (rail.asset) {
    case 'usdc':
      return { kind: 'priced', source: 'fixed', usdPerUnit: ONE_USD, reading: null }
    case 'eth':
      if (pricing.eth.mode === 'fixed') return fixed(pricing.eth.minutesPerEth, 1n, pricing.usdPerHour)
      return chainlink(input)
    case 'axgt':
      if (pricing.axgt.mode === 'fixed') return fixed(pricing.axgt.minutesPer100, 100n, pricing.usdPerHour)
      return twap(input, pricing.axgt)
  }
}

/** How an asset is priced, by the settings alone. */
export function sourceOf(pricing: PricingConfig, asset: Asset): PriceSource {
  return asset === 'usdc' ? 'fixed' : pricing[asset].mode
}

/** How far AXGT prices may be from each other; null at a fixed rate, which is the operator's to change. */
export function axgtLimitOf({ axgt }: PricingConfig): Fraction | null {
  return axgt.mode === 'twap' ? axgt.maxDeviationPercent : null
}

function fixed(minutes: Fraction, perUnits: bigint, usdPerHour: Fraction): RailPrice {
  const hoursPerUnit = divide(minutes, fractionOf(MINUTES_PER_HOUR * perUnits))
  return { kind: 'priced', source: 'fixed', usdPerUnit: multiply(hoursPerUnit, usdPerHour), reading: null }
}

const NOT_READ: RailPrice = { kind: 'unavailable', why: 'the price sources of the chain were not read' }

function chainlink({ pricing, oracle }: RailPriceInput): RailPrice {
  if (oracle === null) return NOT_READ
  const eth = ethUsd(oracle, pricing.ethUsdMaxAgeSeconds)
  if (eth.kind === 'unavailable') return eth
  // The pool plays no part in this price; it is read only when an AXGT payment shares the block.
  const reading = { ...oracle, pool: null }
  return { kind: 'priced', source: 'chainlink', usdPerUnit: eth.usdPerEth, reading }
}

function twap(
  { oracle, pricing, rail, history, deviation }: RailPriceInput,
  axgt: Extract<PricingConfig['axgt'], { mode: 'twap' }>,
): RailPrice {
  if (oracle === null) return NOT_READ
  const price = axgtUsd({
    reading: oracle,
    pricing: axgt,
    chainId: rail.chainId,
    ethUsdMaxAgeSeconds: pricing.ethUsdMaxAgeSeconds,
    history,
    deviation,
  })
  if (price.kind === 'unavailable') return price
  return { kind: 'priced', source: 'twap', usdPerUnit: price.usdPerAxgt, reading: oracle }
}
