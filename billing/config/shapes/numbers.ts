import type { Fraction, Tier } from '../config.ts'
import type { Shape } from '../setting.ts'

/** A decimal integer without sign, exponent or leading zeros, `minimum` and `maximum` included. */
export function integer(minimum: number, maximum: number): Shape<number> {
  const mayBe =
    maximum === Number.MAX_SAFE_INTEGER
      ? `an integer of at least ${minimum}`
      : `an integer from ${minimum} to ${maximum}`
  return {
    mayBe,
    parse(text) {
      if (!/^(0|[1-9]\d{0,15})$/.test(text)) return { ok: false, why: null }
      const value = Number(text)
      if (value < minimum || value > maximum) return { ok: false, why: null }
      return { ok: true, value }
    },
  }
}

/** What another shape reads, or the word `none`, which is an answer too: unlike leaving a setting empty. */
export function orNone<T>(shape: Shape<T>): Shape<T | 'none'> {
  return {
    mayBe: `${shape.mayBe}, or \`none\``,
    parse: (text) => (text === 'none' ? { ok: true, value: 'none' } : shape.parse(text)),
  }
}

interface Bounds {
  /** The lowest value, itself excluded. */
  above?: bigint
  /** The lowest value, itself included. */
  atLeast?: bigint
  /** The highest value, itself included. */
  atMost: bigint
}

/** An exact decimal such as `0.0005`, never read through a float. */
export function decimal({ above, atLeast, atMost }: Bounds): Shape<Fraction> {
  const lowest = above === undefined ? `at least ${atLeast ?? 0n}` : `above ${above}`
  return {
    mayBe: `a decimal ${lowest} and at most ${atMost}, with at most 18 decimals`,
    parse(text) {
      const value = parseDecimal(text)
      if (value === null) return { ok: false, why: null }
      const { numerator, denominator } = value
      const isInside =
        (above === undefined || numerator > above * denominator) &&
        numerator >= (atLeast ?? 0n) * denominator &&
        numerator <= atMost * denominator
      return isInside ? { ok: true, value } : { ok: false, why: null }
    },
  }
}

/** Discount tiers by whole AXGT held. The first starts at 0, so that everyone has a tier. */
export const tiers: Shape<Tier[]> = {
  mayBe:
    'a comma-separated list of `whole AXGT:percent` that starts at 0, with rising amounts and percents that never fall and stay below 100',
  parse(text) {
    const value: Tier[] = []
    for (const [index, entry] of text.split(',').entries()) {
      const tier = parseTier(entry.trim())
      if (tier === null) return { ok: false, why: `entry ${index + 1} is not \`whole AXGT:percent\`` }
      const why = whatIsWrongWith(tier, value.at(-1))
      if (why !== null) return { ok: false, why: `entry ${index + 1} ${why}` }
      value.push(tier)
    }
    return { ok: true, value }
  },
}

function parseTier(text: string): Tier | null {
  const match = /^(\d{1,30}):([\d.]+)$/.exec(text)
  const discountPercent = parseDecimal(match?.[2] ?? '')
  if (match?.[1] === undefined || discountPercent === null) return null
  return { minimumAxgt: BigInt(match[1]), discountPercent }
}

function whatIsWrongWith(tier: Tier, previous: Tier | undefined): string | null {
  const percent = tier.discountPercent
  if (percent.numerator >= 100n * percent.denominator) return 'is not below 100 percent'
  if (previous === undefined) return tier.minimumAxgt === 0n ? null : 'does not start at 0'
  if (tier.minimumAxgt <= previous.minimumAxgt) return 'does not rise'
  const before = previous.discountPercent
  if (percent.numerator * before.denominator < before.numerator * percent.denominator) {
    return 'gives less than the one before'
  }
  return null
}

/** Profile name → GPUs. The record has no prototype, so a name such as `constructor` is not found in it by accident. */
export const profiles: Shape<Record<string, number>> = {
  mayBe:
    'a comma-separated list of `name:gpus`, each name once (lower-case letters, digits, `-` and `_`, 32 at most, a letter first), 1 to 1024 GPUs',
  parse(text) {
    const value: Record<string, number> = Object.create(null)
    for (const [index, entry] of text.split(',').entries()) {
      const match = /^([a-z][a-z0-9_-]{0,31}):([1-9]\d{0,3})$/.exec(entry.trim())
      const [name, gpus] = [match?.[1], Number(match?.[2])]
      if (name === undefined || gpus > 1024)
        return { ok: false, why: `entry ${index + 1} is not \`name:gpus\`` }
      if (name in value) return { ok: false, why: `${name} is there twice` }
      value[name] = gpus
    }
    return { ok: true, value }
  },
}

const MAX_INTEGER_DIGITS = 30
const MAX_DECIMALS = 18
const PLAIN_DECIMAL = new RegExp(`^(\\d{1,${MAX_INTEGER_DIGITS}})(?:\\.(\\d{1,${MAX_DECIMALS}}))?$`)

/**
 * Reads a plain decimal such as `0.0005` as an exact fraction in lowest terms (`1/2000`), without a float on the way.
 * At most 30 digits before the point and 18 after it; null for everything else: signs, exponents, `.5`, `1.`, spaces.
 */
export function parseDecimal(text: string): Fraction | null {
  const match = PLAIN_DECIMAL.exec(text)
  if (match === null) return null
  const decimals = match[2] ?? ''
  const numerator = BigInt(`${match[1]}${decimals}`)
  const denominator = 10n ** BigInt(decimals.length)
  const divisor = greatestCommonDivisor(numerator, denominator)
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right]
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}
