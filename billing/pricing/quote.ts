import type { Address } from 'viem'
import type { Fraction, PricingConfig, Rail, RailConfig } from '../config/config.ts'
import { add, ceil, divide, formatFraction, fractionOf, multiply, reduce, subtract } from './fraction.ts'
import { recomputeMicros } from './recomputeMicros.ts'
import { tierOf } from './tierOf.ts'

/** Microseconds of single-GPU desktop time in a minute. */
export const MICROS_PER_MINUTE = 60_000_000n

/**
 * The most one payment may become: 2^53 − 1 micros, some 285 years of one GPU. Above it something is wrong with the
 * payment or with the price, and an operator decides. It keeps every credit exact even in a client that reads doubles.
 */
export const MAX_CREDIT_MICROS = 2n ** 53n - 1n

const MINUTES_PER_HOUR = 60n
const ONE = fractionOf(1n)
const HUNDRED = fractionOf(100n)

/** How a rail's amount became micros; kept whole with the credit so that anyone can recompute it. */
export interface Quote {
  rail: Rail
  wallet: Address | null
  amountBaseUnits: bigint
  minimumBaseUnits: bigint
  /** Floored once, at the very end; 0 is possible for dust. */
  creditMicros: bigint
  /** The tier that was applied. Tiers apply to ETH only: on the other rails always tier 0, whatever the wallet holds. */
  tier: { index: number; label: string; discountPercent: string }
  /** The payer's AXGT at the quote's block, in base units; null where AXGT does not exist on the chain. */
  axgtBalance: bigint | null
  bonusPercent: string
  /** The exact rate: micros per base unit as a fraction, and how it came about. */
  price: { mode: 'fixed'; microsPerBaseUnit: { numerator: bigint; denominator: bigint }; description: string }
  asOfBlock: { number: bigint; hash: string }
}

export interface QuoteInput {
  pricing: PricingConfig
  rail: RailConfig
  /** Of the rail's asset, as its token says; 18 for ETH. */
  decimals: number
  /** Whose tier it is; null for nobody in particular. */
  wallet: Address | null
  /** null: the wallet's own minimum. */
  amountBaseUnits: bigint | null
  /** What the wallet holds at `block`; null where AXGT does not exist on the chain, or for nobody in particular. */
  axgt: { balance: bigint; decimals: number } | null
  block: { number: bigint; hash: string }
}

/** `amount_too_large`: the credit would be above {@link MAX_CREDIT_MICROS}. */
export type QuoteOutcome = { kind: 'quoted'; quote: Quote } | { kind: 'amount_too_large' }

/** What an amount of one asset is worth to one wallet, before the amount is known. */
interface Terms {
  tier: Quote['tier']
  bonusPercent: string
  /** Asset units, not base units. */
  minimum: Fraction
  minutesPerUnit: Fraction
  description: string
}

/**
 * Says what an amount on a rail is worth. Pure. The rate is an exact fraction and the only rounding is the one floor at
 * the end, so a quote never exceeds the exact value and splitting a payment never yields more. An amount below the
 * minimum is quoted all the same: whether it is credited is the gate's to say. The minimum is rounded up to a base unit.
 *
 * Throws for a negative amount and for decimals outside 0…77, which are refused where they enter.
 */
export function quote(input: QuoteInput): QuoteOutcome {
  const { rail, decimals, wallet, axgt, block } = input
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 77) {
    throw new RangeError(`decimals must be 0…77, not ${decimals}`)
  }
  const terms = termsOf(input)
  const baseUnitsPerUnit = fractionOf(10n ** BigInt(decimals))
  const minimumBaseUnits = ceil(multiply(terms.minimum, baseUnitsPerUnit))
  const amountBaseUnits = input.amountBaseUnits ?? minimumBaseUnits
  if (amountBaseUnits < 0n) throw new RangeError('an amount can not be negative')
  const microsPerUnit = multiply(terms.minutesPerUnit, fractionOf(MICROS_PER_MINUTE))
  const microsPerBaseUnit = reduce(divide(microsPerUnit, baseUnitsPerUnit))
  const price: Quote['price'] = { mode: 'fixed', microsPerBaseUnit, description: terms.description }
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

function termsOf(input: QuoteInput): Terms {
  const { pricing, rail } = input
  switch (rail.asset) {
    case 'eth':
      return ethTerms(input)
    case 'usdc':
      return {
        tier: NO_TIER,
        bonusPercent: '0',
        minimum: pricing.usdc.minimumUsdc,
        minutesPerUnit: divide(fractionOf(MINUTES_PER_HOUR), pricing.usdPerHour),
        description: `1 USDC is 1 USD; an hour costs ${formatFraction(pricing.usdPerHour)} USD`,
      }
    case 'axgt': {
      const { minutesPer100, bonusPercent, minimumAxgt } = pricing.axgt
      const bonusFactor = add(ONE, divide(bonusPercent, HUNDRED))
      return {
        tier: NO_TIER,
        bonusPercent: formatFraction(bonusPercent),
        minimum: minimumAxgt,
        minutesPerUnit: multiply(divide(minutesPer100, HUNDRED), bonusFactor),
        description: `${formatFraction(minutesPer100)} minutes per 100 AXGT, plus ${formatFraction(bonusPercent)} %`,
      }
    }
  }
}

const NO_TIER: Quote['tier'] = { index: 0, label: labelOf(0), discountPercent: '0' }

function ethTerms({ pricing, axgt }: QuoteInput): Terms {
  const { index, tier } = tierOf(axgt ?? { balance: 0n, decimals: 0 }, pricing.tiers)
  const discountPercent = formatFraction(tier.discountPercent)
  const paidShare = subtract(ONE, divide(tier.discountPercent, HUNDRED))
  return {
    tier: { index, label: labelOf(index), discountPercent },
    bonusPercent: '0',
    minimum: multiply(pricing.eth.minimumEth, paidShare),
    minutesPerUnit: divide(pricing.eth.minutesPerEth, paidShare),
    description: `${formatFraction(pricing.eth.minutesPerEth)} minutes per ETH, less ${discountPercent} % of the price`,
  }
}

function labelOf(index: number): string {
  return `Tier ${index}`
}
