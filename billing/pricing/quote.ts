import type { Address } from 'viem'
import type { Fraction, PricingConfig, Rail, RailConfig, Tier } from '../config/config.ts'
import type { AxgtHistory } from './axgtHistory.ts'
import type { Deviation } from './axgtUsd.ts'
import {
  add,
  ceil,
  divide,
  floor,
  formatFraction,
  fractionOf,
  multiply,
  reduce,
  subtract,
} from './fraction.ts'
import type { OracleReading, PriceSource } from './oracleReading.ts'
import { priceRail, type RailPrice } from './priceRail.ts'

/** Microseconds of single-GPU desktop time in a minute. */
export const MICROS_PER_MINUTE = 60_000_000n

/**
 * The most that one payment may be worth: 2^53 − 1 micros, some 285 years of one GPU. Above it something is wrong with the
 * payment or the price, and an operator decides. The limit keeps every credit exact even in a client that reads doubles.
 */
export const MAX_CREDIT_MICROS = 2n ** 53n - 1n

const MINUTES_PER_HOUR = 60n
const ONE = fractionOf(1n)
const HUNDRED = fractionOf(100n)
const NOTHING = fractionOf(0n)

/** How an amount on a rail became micros; kept whole with the credit so that anyone can recompute it. */
export interface Quote {
  rail: Rail
  wallet: Address | null
  amountBaseUnits: bigint
  minimumBaseUnits: bigint
  /** Floored once, at the very end; 0 is possible for dust. */
  creditMicros: bigint
  /** The tier applied. Tiers apply to ETH only: on other rails it is always tier 0, whatever the wallet holds. */
  tier: { index: number; label: string; discountPercent: string }
  /** The wallet's AXGT at the quote's block, in base units; null where it was not read, because it matters for ETH only. */
  axgtBalance: bigint | null
  bonusPercent: string
  price: QuotePrice
  /** The block at which the balance was read, and the price too unless `price.reading` names another one. */
  asOfBlock: { number: bigint; hash: string }
}

/** The exact rate of a quote, and where it comes from. */
export interface QuotePrice {
  mode: PriceSource
  /** USD per whole unit, a decimal floored to 18 decimals, for people; null in snapshots stored before 0.2.0. */
  usdPerUnit: string | null
  /** What an hour cost then, exact; null in snapshots stored before 0.2.0. */
  usdPerHour: string | null
  /** What the amount was multiplied by. */
  microsPerBaseUnit: Fraction
  description: string
  /** What feed and pool said; null at fixed rates. */
  reading: OracleReading | null
}

export interface QuoteInput {
  pricing: PricingConfig
  rail: RailConfig
  /** Decimals of the rail's asset, as its token reports them; 18 for ETH. */
  decimals: number
  /** Whose tier applies; null for nobody in particular. */
  wallet: Address | null
  /** null: quote what `atLeastMicros` costs, or else the wallet's own minimum. */
  amountBaseUnits: bigint | null
  /** Without an amount: quote the least one, rounded up to a base unit, that yields at least these micros. */
  atLeastMicros?: bigint | null
  /** What the wallet holds at `block`; null where AXGT does not exist on the chain, or for nobody in particular. */
  axgt: { balance: bigint; decimals: number } | null
  block: { number: bigint; hash: string }
  /** What feed and pool said; null where nothing was read, which suffices at fixed rates. */
  oracle: OracleReading | null
  /** What an AXGT price at the TWAP is compared with; null where none is asked for, or nothing is known. */
  history: AxgtHistory | null
  /** How far an AXGT price may be from the others; `limited` unless told. */
  deviation?: Deviation
}

/**
 * `amount_too_large`: the credit would be above {@link MAX_CREDIT_MICROS}. `price_unavailable`: there is no price that
 * can be trusted at that block, for the reason told.
 */
export type QuoteOutcome =
  | { kind: 'quoted'; quote: Quote }
  | { kind: 'price_unavailable'; why: string }
  | { kind: 'amount_too_large' }

/** What changes a rail's price for this wallet, before the amount is known. */
interface Terms {
  tier: Quote['tier']
  bonusPercent: string
  /** Asset units, not base units. */
  minimum: Fraction
  /** Minutes given per minute paid: above 1 with a discount or a bonus. */
  factor: Fraction
  /** Ends the sentence that explains the price. */
  description: string
}

/**
 * Says what an amount on a rail is worth. Pure. The rate is an exact fraction and the only rounding is the one floor at
 * the end, so a quote never exceeds the exact value and splitting a payment never yields more. An amount below the
 * minimum is quoted too: the gate decides whether to credit it. The minimum is rounded up to a base unit.
 *
 * Throws for a negative amount and for decimals outside 0…77; callers refuse both earlier.
 */
export function quote(input: QuoteInput): QuoteOutcome {
  const { rail, wallet, axgt, block } = input
  const baseUnitsPerUnit = fractionOf(10n ** BigInt(checkedDecimals(input.decimals)))
  const priced = priceRail({ ...input, deviation: input.deviation ?? 'limited' })
  if (priced.kind === 'unavailable') return { kind: 'price_unavailable', why: priced.why }
  const terms = termsOf(input)
  const minimumBaseUnits = ceil(multiply(terms.minimum, baseUnitsPerUnit))
  const price = quotePrice(input.pricing, rail, priced, terms, baseUnitsPerUnit)
  const amountBaseUnits = input.amountBaseUnits ?? costOf(input.atLeastMicros, price) ?? minimumBaseUnits
  if (amountBaseUnits < 0n) throw new RangeError('an amount cannot be negative')
  const creditMicros = recomputeMicros({ amountBaseUnits, price })
  if (creditMicros > MAX_CREDIT_MICROS) return { kind: 'amount_too_large' }
  return {
    kind: 'quoted',
    quote: {
      rail: rail.rail,
      wallet,
      amountBaseUnits,
      minimumBaseUnits,
      creditMicros,
      tier: terms.tier,
      axgtBalance: axgt?.balance ?? null,
      bonusPercent: terms.bonusPercent,
      price,
      asOfBlock: { number: block.number, hash: block.hash },
    },
  }
}

/**
 * The smallest deposit of a rail in base units, rounded up, before any discount. Needs no price. Throws for decimals
 * outside 0…77.
 */
export function undiscountedMinimum(
  pricing: PricingConfig,
  rail: Pick<RailConfig, 'asset'>,
  decimals: number,
): bigint {
  const { minimum } = termsOf({ pricing, rail, axgt: null })
  return ceil(multiply(minimum, fractionOf(10n ** BigInt(checkedDecimals(decimals)))))
}

function checkedDecimals(decimals: number): number {
  if (Number.isInteger(decimals) && decimals >= 0 && decimals <= 77) return decimals
  throw new RangeError(`decimals must be 0…77, not ${decimals}`)
}

function quotePrice(
  pricing: PricingConfig,
  rail: RailConfig,
  { source, usdPerUnit, reading }: Extract<RailPrice, { kind: 'priced' }>,
  terms: Terms,
  baseUnitsPerUnit: Fraction,
): QuotePrice {
  return {
    mode: source,
    usdPerUnit: formatFraction(usdPerUnit),
    usdPerHour: formatFraction(pricing.usdPerHour),
    microsPerBaseUnit: rateOf({
      usdPerUnit,
      usdPerHour: pricing.usdPerHour,
      factor: terms.factor,
      baseUnitsPerUnit,
    }),
    description: `${priceInWords(pricing, rail, source, usdPerUnit)}${terms.description}`,
    reading,
  }
}

/** Micros per base unit, exact, in lowest terms, from a price in USD and the price of an hour. */
export function rateOf(price: {
  usdPerUnit: Fraction
  usdPerHour: Fraction
  factor: Fraction
  baseUnitsPerUnit: Fraction
}): Fraction {
  const minutesPerUsd = divide(fractionOf(MINUTES_PER_HOUR), price.usdPerHour)
  const minutesPerUnit = multiply(multiply(price.usdPerUnit, minutesPerUsd), price.factor)
  return reduce(divide(multiply(minutesPerUnit, fractionOf(MICROS_PER_MINUTE)), price.baseUnitsPerUnit))
}

/** A tier's discount and a bonus combined: minutes given per minute paid. */
export function factorOf(percent: { discount: Fraction; bonus: Fraction }): Fraction {
  return divide(add(ONE, divide(percent.bonus, HUNDRED)), subtract(ONE, divide(percent.discount, HUNDRED)))
}

/** null where nobody asked for micros. Rounded up: paying it yields at least what was asked for. */
function costOf(atLeastMicros: bigint | null | undefined, price: QuotePrice): bigint | null {
  if (atLeastMicros === null || atLeastMicros === undefined) return null
  return ceil(divide(fractionOf(atLeastMicros), price.microsPerBaseUnit))
}

function priceInWords(
  pricing: PricingConfig,
  { asset }: RailConfig,
  source: PriceSource,
  usdPerUnit: Fraction,
): string {
  const hour = `an hour costs ${formatFraction(pricing.usdPerHour)} USD`
  switch (source) {
    case 'chainlink':
      return `1 ETH is ${formatFraction(usdPerUnit)} USD by Chainlink; ${hour}`
    case 'twap':
      return `1 AXGT is ${formatFraction(usdPerUnit)} USD by its pool's TWAP and Chainlink's ETH/USD; ${hour}`
    case 'fixed':
      if (asset === 'eth' && pricing.eth.mode === 'fixed') {
        return `${formatFraction(pricing.eth.minutesPerEth)} minutes per ETH`
      }
      if (asset === 'axgt' && pricing.axgt.mode === 'fixed') {
        return `${formatFraction(pricing.axgt.minutesPer100)} minutes per 100 AXGT`
      }
      return `1 USDC is 1 USD; ${hour}`
  }
}

const NO_TIER: Quote['tier'] = { index: 0, label: labelOf(0), discountPercent: '0' }

function termsOf({
  pricing,
  rail,
  axgt,
}: Pick<QuoteInput, 'pricing' | 'axgt'> & { rail: Pick<RailConfig, 'asset'> }): Terms {
  switch (rail.asset) {
    case 'eth':
      return ethTerms(pricing, axgt)
    case 'usdc': {
      const { minimumUsdc: minimum } = pricing.usdc
      return { tier: NO_TIER, bonusPercent: '0', minimum, factor: ONE, description: '' }
    }
    case 'axgt': {
      const { bonusPercent, minimumAxgt } = pricing.axgt
      return {
        tier: NO_TIER,
        bonusPercent: formatFraction(bonusPercent),
        minimum: minimumAxgt,
        factor: factorOf({ discount: NOTHING, bonus: bonusPercent }),
        description: `, plus ${formatFraction(bonusPercent)} %`,
      }
    }
  }
}

function ethTerms(pricing: PricingConfig, axgt: QuoteInput['axgt']): Terms {
  const { index, tier } = tierOf(axgt ?? { balance: 0n, decimals: 0 }, pricing.tiers)
  const discountPercent = formatFraction(tier.discountPercent)
  const paidShare = subtract(ONE, divide(tier.discountPercent, HUNDRED))
  return {
    tier: { index, label: labelOf(index), discountPercent },
    bonusPercent: '0',
    minimum: multiply(pricing.eth.minimumEth, paidShare),
    factor: factorOf({ discount: tier.discountPercent, bonus: NOTHING }),
    description: `, less ${discountPercent} % of the price`,
  }
}

function labelOf(index: number): string {
  return `Tier ${index}`
}

/**
 * Recomputes a quote's credit from its amount and its exact rate, floored once: what a stored snapshot must agree with.
 */
export function recomputeMicros({
  amountBaseUnits,
  price,
}: Pick<Quote, 'amountBaseUnits' | 'price'>): bigint {
  const { numerator, denominator } = price.microsPerBaseUnit
  return floor({ numerator: amountBaseUnits * numerator, denominator })
}

/**
 * Finds the discount tier of someone who holds `balance` base units of AXGT: the last whose threshold the *whole* AXGT
 * held reach, so that 99.999 AXGT is tier 0 and exactly 100 is tier 1. `tiers` rise and begin at 0 AXGT.
 *
 * @example tierOf({ balance: 100n * 10n ** 18n, decimals: 18 }, pricing.tiers).index // 1
 */
function tierOf(axgt: { balance: bigint; decimals: number }, tiers: Tier[]): { index: number; tier: Tier } {
  const wholeAxgt = axgt.balance / 10n ** BigInt(axgt.decimals)
  const index = tiers.findLastIndex((tier) => tier.minimumAxgt <= wholeAxgt)
  const tier = tiers[index]
  if (tier === undefined) throw new Error('the first discount tier must begin at 0 AXGT')
  return { index, tier }
}
