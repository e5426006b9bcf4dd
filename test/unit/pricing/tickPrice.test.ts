import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fraction } from '../../../billing/config/config.ts'
import { compare, fractionOf, multiply } from '../../../billing/pricing/fraction.ts'
import { enclosePrice, meanTick, wethPerAxgt } from '../../../billing/pricing/tickPrice.ts'

const MAX_TICK = 887_272

const anyTick = fc.integer({ min: -MAX_TICK, max: MAX_TICK })
const decimals = fc.constantFrom(6, 8, 18)

/** A window whose mean is somewhere between two ticks. */
const anyWindow = fc
  .record({ seconds: fc.integer({ min: 1, max: 100_000 }), tick: anyTick, part: fc.nat({ max: 99_999 }) })
  .map(({ seconds, tick, part }) => {
    // Towards 0, so that the mean of the last tick's window stays within the range.
    const rest = BigInt(tick > 0 ? -(part % seconds) : part % seconds)
    return windowOf(seconds, BigInt(tick) * BigInt(seconds) + rest)
  })

function windowOf(seconds: number, tickCumulativeDelta: bigint) {
  return { seconds, tickCumulativeDelta, secondsPerLiquidityDeltaX128: 0n }
}

/** a ≤ b. */
const isAtMost = (a: Fraction, b: Fraction) => compare(a, b) <= 0

/** exact × (1 − 10^-15) < price: how close the issue asks a price to be. */
function isClose(price: Fraction, exact: Fraction): boolean {
  return compare(multiply(exact, { numerator: 10n ** 15n - 1n, denominator: 10n ** 15n }), price) < 0
}

/** 1.0001^tick with nothing rounded: the powers of 10001 and 10000 themselves, up to millions of digits. */
function exactPower(tick: number): Fraction {
  const distance = BigInt(Math.abs(tick))
  const [more, less] = [10_001n ** distance, 10_000n ** distance]
  return tick < 0 ? { numerator: less, denominator: more } : { numerator: more, denominator: less }
}

const SERIES_BITS = 640n
const SERIES_ONE = 1n << SERIES_BITS
const LN_OF_STEP = lnOfStep()

/** ln 1.0001 = 2 × (x + x³/3 + x⁵/5 + …) with x = 1/20001. */
function lnOfStep(): bigint {
  let sum = 0n
  let power = SERIES_ONE / 20_001n
  for (let n = 1n; power > 0n; n += 2n) {
    sum += power / n
    power /= 20_001n ** 2n
  }
  return 2n * sum
}

/**
 * 1.0001^(numerator/denominator) by the series of e^x: x is halved ten times, and the sum squared as often. What is cut
 * off on the way is less than 2^-600 of it; the bounds leave a hundred bits of room.
 */
function exponential(numerator: bigint, denominator = 1n): { below: Fraction; above: Fraction } {
  if (numerator === 0n) return { below: fractionOf(1n), above: fractionOf(1n) }
  const size = numerator < 0n ? -numerator : numerator
  const x = ((LN_OF_STEP * size) / denominator) >> 10n
  let term = SERIES_ONE
  let sum = 0n
  for (let n = 1n; term > 0n; n++) {
    sum += term
    term = (term * x) / (n << SERIES_BITS)
  }
  for (let i = 0; i < 10; i++) sum = (sum * sum) >> SERIES_BITS
  const below = { numerator: sum - (sum >> 500n), denominator: SERIES_ONE }
  const above = { numerator: sum + (sum >> 500n), denominator: SERIES_ONE }
  return numerator < 0n ? { below: invert(above), above: invert(below) } : { below, above }
}

function invert({ numerator, denominator }: Fraction): Fraction {
  return { numerator: denominator, denominator: numerator }
}

/** Uniswap's getSqrtRatioAtTick, in Q64.96, from the constants of the contract as it was published. */
const sqrtRatioAtTick = (() => {
  const source = readFileSync(
    createRequire(import.meta.url).resolve('@uniswap/v3-core/contracts/libraries/TickMath.sol'),
    'utf8',
  )
  const factors = [
    ...source.matchAll(/absTick & (0x[0-9a-f]+) != 0\W+(?:ratio = \(ratio \* )?(0x[0-9a-f]+)/g),
  ].map(([, bit = '', factor = '']) => ({ bit: BigInt(bit), factor: BigInt(factor) }))
  if (factors.length !== 20)
    throw new Error(`TickMath.sol has ${factors.length} factors where 20 are expected`)
  return (tick: number): bigint => {
    const distance = BigInt(Math.abs(tick))
    let ratio = 1n << 128n
    for (const { bit, factor } of factors) if (distance & bit) ratio = (ratio * factor) >> 128n
    if (tick > 0) ratio = (2n ** 256n - 1n) / ratio
    return (ratio + 2n ** 32n - 1n) >> 32n
  }
})()

describe('the price of a tick', () => {
  test('is exactly 1 at tick 0', () => {
    const { lower, upper } = enclosePrice(0)
    expect(compare(lower, fractionOf(1n))).toBe(0)
    expect(compare(upper, fractionOf(1n))).toBe(0)
    expect(enclosePrice(-0)).toEqual(enclosePrice(0n))
  })

  // 1.0001^±887272 is a quotient of two numbers with 3.5 million digits each; nothing in it is rounded.
  test.each([1, 2, 3, 4_095, 65_536, 262_144, 524_288, MAX_TICK])(
    'encloses the exact power at ±%i',
    (tick) => {
      const power = exactPower(tick)
      for (const { signed, exact } of [
        { signed: tick, exact: power },
        { signed: -tick, exact: invert(power) },
      ]) {
        const { lower, upper } = enclosePrice(signed)
        expect(isAtMost(lower, exact)).toBe(true)
        expect(isAtMost(exact, upper)).toBe(true)
        expect(isClose(lower, exact)).toBe(true)
      }
    },
  )

  test('encloses the exact power of any tick up to 20 000', () => {
    fc.assert(
      fc.property(fc.integer({ min: -20_000, max: 20_000 }), (tick) => {
        const exact = exactPower(tick)
        const { lower, upper } = enclosePrice(tick)
        expect(isAtMost(lower, exact) && isAtMost(exact, upper)).toBe(true)
        expect(isClose(lower, exact)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('encloses e^(tick × ln 1.0001) over the whole range, its bounds less than 2^-160 apart', () => {
    fc.assert(
      fc.property(anyTick, (tick) => {
        const exact = exponential(BigInt(tick))
        const { lower, upper } = enclosePrice(tick)
        expect(isAtMost(lower, exact.below) && isAtMost(exact.above, upper)).toBe(true)
        const widened = multiply(lower, { numerator: 2n ** 160n + 1n, denominator: 2n ** 160n })
        expect(compare(upper, widened)).toBe(-1)
      }),
      { numRuns: 1_500, examples: [[MAX_TICK], [-MAX_TICK], [0], [1], [-1], [524_288], [-524_287]] },
    )
  })

  test('rises with the tick: the upper bound of one is below the lower bound of the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: -MAX_TICK, max: MAX_TICK - 1 }), (tick) => {
        expect(compare(enclosePrice(tick).upper, enclosePrice(tick + 1).lower)).toBe(-1)
      }),
      { numRuns: 2_000, examples: [[-1], [0], [-MAX_TICK], [MAX_TICK - 1]] },
    )
  })

  test('a bigint is the same tick as a number', () => {
    fc.assert(
      fc.property(anyTick, (tick) => {
        expect(enclosePrice(BigInt(tick))).toEqual(enclosePrice(tick))
      }),
    )
  })

  test.each([
    MAX_TICK + 1,
    -MAX_TICK - 1,
    BigInt(MAX_TICK + 1),
    -(2n ** 255n),
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_VALUE,
  ])('there is none for %s', (tick) => {
    expect(() => enclosePrice(tick)).toThrow(RangeError)
  })
})

describe("beside Uniswap's own square roots", () => {
  test('the constants read from the contract give the limits that it names', () => {
    expect(sqrtRatioAtTick(-MAX_TICK)).toBe(4_295_128_739n)
    expect(sqrtRatioAtTick(0)).toBe(2n ** 96n)
    expect(sqrtRatioAtTick(MAX_TICK)).toBe(1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n)
  })

  // Theirs is off by less than one unit of Q64.96 from rounding, and by 2^-59 of itself from twenty cut-off products.
  test('the price agrees with their squares, as far as these are precise', () => {
    fc.assert(
      fc.property(anyTick, (tick) => {
        const ratio = sqrtRatioAtTick(tick)
        const error = (ratio >> 59n) + 1n
        const { lower, upper } = enclosePrice(tick)
        const squared = (root: bigint) => ({ numerator: root * root, denominator: 2n ** 192n })
        expect(isAtMost(squared(ratio - error), lower)).toBe(true)
        expect(isAtMost(upper, squared(ratio + error))).toBe(true)
      }),
      { numRuns: 2_000, examples: [[-MAX_TICK], [MAX_TICK], [0], [1], [-1]] },
    )
  })

  test('theirs would not do: at the lowest tick it is more than 10^-10 above the exact price', () => {
    const theirs = { numerator: sqrtRatioAtTick(-MAX_TICK) ** 2n, denominator: 2n ** 192n }
    const tolerated = { numerator: 10n ** 10n + 1n, denominator: 10n ** 10n }
    expect(compare(theirs, multiply(exactPower(-MAX_TICK), tolerated))).toBe(1)
  })
})

describe('the mean tick of a window', () => {
  test.each([
    [10, 70n, 7, 7],
    [10, 71n, 7, 8],
    [10, 79n, 7, 8],
    [10, -70n, -7, -7],
    [10, -71n, -8, -7],
    [10, -79n, -8, -7],
    [10, 1n, 0, 1],
    [10, -1n, -1, 0],
    [10, 0n, 0, 0],
    [1, 887_272n, MAX_TICK, MAX_TICK],
    [86_400, -887_272n * 86_400n, -MAX_TICK, -MAX_TICK],
  ])('of %i s and Σ tick %i is rounded down to %i and up to %i', (seconds, tickCumulativeDelta, down, up) => {
    expect(meanTick({ seconds, tickCumulativeDelta }, 'down')).toBe(down)
    expect(meanTick({ seconds, tickCumulativeDelta }, 'up')).toBe(up)
  })

  // OracleLibrary.consult of Uniswap: divided towards zero, then one less for a negative sum with a remainder.
  test("is rounded down as Uniswap's consult does, and up as the mirror of that", () => {
    fc.assert(
      fc.property(anyWindow, (window) => {
        const { seconds, tickCumulativeDelta: sum } = window
        const consulted = sum / BigInt(seconds) - (sum < 0n && sum % BigInt(seconds) !== 0n ? 1n : 0n)
        expect(BigInt(meanTick(window, 'down'))).toBe(consulted)
        const mirrored = meanTick({ seconds, tickCumulativeDelta: -sum }, 'down')
        expect(BigInt(meanTick(window, 'up'))).toBe(-BigInt(mirrored))
      }),
    )
  })

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('there is none of %s seconds', (seconds) => {
    expect(() => meanTick({ seconds, tickCumulativeDelta: 1n }, 'down')).toThrow(RangeError)
  })

  test('there is none where no pool has a tick', () => {
    expect(() => meanTick({ seconds: 10, tickCumulativeDelta: 8_872_721n }, 'up')).toThrow(RangeError)
    expect(meanTick({ seconds: 10, tickCumulativeDelta: 8_872_721n }, 'down')).toBe(MAX_TICK)
    expect(() => meanTick({ seconds: 1, tickCumulativeDelta: -(2n ** 200n) }, 'down')).toThrow(RangeError)
  })
})

describe('WETH per AXGT', () => {
  test('is one whole unit for one at tick 0, whatever the decimals and the order', () => {
    const window = windowOf(1_800, 0n)
    for (const axgtIsToken0 of [true, false]) {
      const same = wethPerAxgt({ axgtIsToken0, axgtDecimals: 18, wethDecimals: 18, window })
      expect(compare(same, fractionOf(1n))).toBe(0)
      // One base unit for one: a whole AXGT of 8 decimals has as many base units as 10^-10 WETH.
      const fewer = wethPerAxgt({ axgtIsToken0, axgtDecimals: 8, wethDecimals: 18, window })
      expect(compare(fewer, { numerator: 1n, denominator: 10n ** 10n })).toBe(0)
      const more = wethPerAxgt({ axgtIsToken0, axgtDecimals: 18, wethDecimals: 6, window })
      expect(compare(more, fractionOf(10n ** 12n))).toBe(0)
    }
  })

  test('rises with the tick where AXGT is token0, and falls with it where AXGT is token1', () => {
    const priceAt = (axgtIsToken0: boolean, tick: bigint) =>
      wethPerAxgt({ axgtIsToken0, axgtDecimals: 18, wethDecimals: 18, window: windowOf(60, tick * 60n) })
    expect(compare(priceAt(true, 6_932n), fractionOf(2n))).toBe(1)
    expect(compare(priceAt(true, 6_931n), fractionOf(2n))).toBe(-1)
    expect(compare(priceAt(false, -6_932n), fractionOf(2n))).toBe(1)
    expect(compare(priceAt(false, -6_931n), fractionOf(2n))).toBe(-1)
  })

  // The exact value is that of the mean before it is rounded; the second is that of the tick it is rounded to.
  test('is never above the exact value, within 10^-15 of its tick and within a basis point of the mean', () => {
    fc.assert(
      fc.property(anyWindow, fc.boolean(), decimals, decimals, (window, axgtIsToken0, axgt, weth) => {
        const price = wethPerAxgt({ axgtIsToken0, axgtDecimals: axgt, wethDecimals: weth, window })
        const scale = { numerator: 10n ** BigInt(axgt), denominator: 10n ** BigInt(weth) }
        const seconds = BigInt(window.seconds)
        const sum = axgtIsToken0 ? window.tickCumulativeDelta : -window.tickCumulativeDelta
        const ofTick = exponential(BigInt(meanTick(windowOf(window.seconds, sum), 'down')))
        expect(isClose(price, multiply(ofTick.above, scale))).toBe(true)
        const ofMean = exponential(sum, seconds)
        expect(isAtMost(price, multiply(ofMean.below, scale))).toBe(true)
        const basisPointMore = multiply(price, { numerator: 10_001n, denominator: 10_000n })
        expect(isClose(basisPointMore, multiply(ofMean.above, scale))).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([-1, 78, 1.5, Number.NaN])('is refused for a token of %s decimals', (wrong) => {
    const pool = { axgtIsToken0: true, axgtDecimals: 18, wethDecimals: 18, window: windowOf(60, 0n) }
    expect(() => wethPerAxgt({ ...pool, axgtDecimals: wrong })).toThrow(RangeError)
    expect(() => wethPerAxgt({ ...pool, wethDecimals: wrong })).toThrow(RangeError)
  })

  test('is refused for a window of no time', () => {
    const pool = { axgtIsToken0: true, axgtDecimals: 18, wethDecimals: 18, window: windowOf(0, 0n) }
    expect(() => wethPerAxgt(pool)).toThrow(RangeError)
  })
})
