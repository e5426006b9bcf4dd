import { describe, expect, test } from 'vitest'
import { type AxgtUsdInput, axgtUsd } from '../../../billing/pricing/axgtUsd.ts'
import { compare, multiply } from '../../../billing/pricing/fraction.ts'
import type { PoolReading } from '../../../billing/pricing/oracleReading.ts'
import { FEED, marketPricing, NOW, of, POOL, pool, poolWindow, reading, TICK } from './readings.ts'

function judge(poolReading: PoolReading | null, change: Partial<AxgtUsdInput> = {}) {
  return axgtUsd({
    reading: reading({ pool: poolReading }),
    pricing: marketPricing.axgt,
    ethUsdMaxAgeSeconds: 7_200,
    chainId: 1,
    history: null,
    deviation: 'limited',
    ...change,
  })
}

function priceOf(...args: Parameters<typeof judge>) {
  const judged = judge(...args)
  if (judged.kind !== 'priced') throw new Error(judged.why)
  return judged.usdPerAxgt
}

const whyNot = (...args: Parameters<typeof judge>) => {
  const judged = judge(...args)
  return judged.kind === 'unavailable' ? judged.why : null
}

test('the TWAP in WETH times ETH/USD, in either token order and with any decimals', () => {
  const cent = priceOf(pool())
  // 1.0001^−122 060 is 0.0000050034…, times 2000.
  expect(compare(cent, of(1n, 100n))).toBe(1)
  expect(compare(cent, of(10_010n, 1_000_000n))).toBe(-1)
  const other = { axgtIsToken0: false, fast: poolWindow(1_800, -TICK), slow: poolWindow(86_400, -TICK) }
  expect(compare(priceOf(pool(other)), cent)).toBe(0)
  // The same ratio of base units means a billion times more for a token with 9 decimals less.
  const nine = priceOf(pool({ axgtDecimals: 9 }))
  expect(compare(multiply(nine, of(10n ** 9n)), cent)).toBe(0)
})

describe('no price', () => {
  test.each<[string, PoolReading | null, string]>([
    ['the pool was not asked', null, 'does not answer'],
    ['the pool is silent', { kind: 'silent', pool: POOL }, 'does not answer'],
    [
      'the pool remembers too little, and the command that mends it is told',
      pool({ fast: null, slow: poolWindow(600, TICK), cardinality: 1 }),
      `remembers 600 seconds (1 observations) and must remember 21600; it needs room for 1801, up to 700 more at a time: cast send ${POOL} "increaseObservationCardinalityNext(uint16)" 701`,
    ],
    [
      'the pool remembers the TWAP, and a second less than the slower one needs',
      pool({ slow: poolWindow(21_599, TICK), cardinality: 1_500 }),
      `cast send ${POOL} "increaseObservationCardinalityNext(uint16)" 1801`,
    ],
    [
      'the pool has room and is only young',
      pool({ slow: poolWindow(21_599, TICK), cardinality: 1_801 }),
      'waiting ends it',
    ],
    ['nobody has traded yet', pool({ fast: null, slow: null, cardinality: 0 }), 'remembers 0 seconds'],
    [
      'the pool says that it remembers a day and not half an hour',
      pool({ fast: null }),
      'contradicts itself',
    ],
    ['its depth is below the floor', pool({ fast: poolWindow(1_800, TICK, 10n ** 19n) }), 'less liquidity'],
    ['it claims a tick beyond the range', pool({ fast: poolWindow(1_800, 887_273) }), 'no Uniswap v3 pool'],
    ['its slower window does', pool({ slow: poolWindow(86_400, -887_273) }), 'no Uniswap v3 pool'],
    ['nobody provides liquidity', pool({ fast: poolWindow(1_800, TICK, 1n) }), 'less liquidity'],
  ])('where %s', (_name, poolReading, why) => {
    expect(whyNot(poolReading)).toContain(why)
  })

  test('where the feed has none', () => {
    const silent = reading({ ethUsd: { kind: 'silent', feed: FEED } })
    expect(whyNot(pool(), { reading: silent })).toBe('the ETH/USD feed does not answer')
  })
})

// √0.000005 of the liquidity is the virtual WETH reserve.
test('the floor on the depth counts the virtual WETH reserve, and exactly there is enough', () => {
  // At tick 0 the reserve is the liquidity itself: 2^64 makes the accumulator exact.
  const atTickZero = { fast: poolWindow(1_800, 0, 2n ** 64n), slow: poolWindow(86_400, 0) }
  const floorOf = (minimumLiquidityEth: ReturnType<typeof of>) => ({
    pricing: { ...marketPricing.axgt, minimumLiquidityEth },
  })
  const reserve = of(2n ** 64n, 10n ** 18n)
  // The price is a lower bound, so the very reserve is missed by less than 10^-15.
  const justBelow = multiply(reserve, of(10n ** 15n - 1n, 10n ** 15n))
  expect(whyNot(pool(atTickZero), floorOf(justBelow))).toBeNull()
  const justAbove = multiply(reserve, of(10n ** 15n + 1n, 10n ** 15n))
  expect(whyNot(pool(atTickZero), floorOf(justAbove))).toContain('less liquidity')
  expect(whyNot(pool({ fast: poolWindow(1_800, TICK, 1n) }), floorOf(of(0n)))).toBeNull()
})

describe('the distance from the slower TWAP', () => {
  // 1.0001^2231 = 1.24992…, 1.0001^2232 = 1.25004…
  test.each([
    [2_231, null],
    [2_232, 'too far from that of the last 86400'],
    [23_027, 'too far from that of the last 86400'],
    // 1.0001^−2877 = 0.75000…4, 1.0001^−2878 = 0.7499…
    [-2_876, null],
    [-2_878, 'too far from that of the last 86400'],
  ])('of %i ticks at a limit of 25 %%', (ticks, why) => {
    const found = whyNot(pool({ fast: poolWindow(1_800, TICK + ticks) }))
    if (why === null) expect(found).toBeNull()
    else expect(found).toContain(why)
  })

  test('of a pool that remembers six hours is the distance from all that it remembers', () => {
    const young = (ticks: number) =>
      pool({ fast: poolWindow(1_800, TICK + ticks), slow: poolWindow(21_600, TICK) })
    expect(whyNot(young(2_231))).toBeNull()
    expect(whyNot(young(3_000))).toContain('too far from that of the last 21600')
  })

  // 1.0001^487 = 1.04990…, 1.0001^488 = 1.05001…
  test('of a payment that was held may be a fifth of that', () => {
    const held = (ticks: number) =>
      whyNot(pool({ fast: poolWindow(1_800, TICK + ticks) }), { deviation: 'near' })
    expect(held(487)).toBeNull()
    expect(held(488)).toContain('too far from that of the last 86400')
  })

  test('does not matter where the operator accepts it, but the feed and the depth still do', () => {
    const far = pool({ fast: poolWindow(1_800, TICK + 23_027) })
    expect(whyNot(far, { deviation: 'accepted' })).toBeNull()
    const shallow = pool({ fast: poolWindow(1_800, TICK, 1n) })
    expect(whyNot(shallow, { deviation: 'accepted' })).toContain('less liquidity')
  })
})

describe('the distance from the history', () => {
  const price = priceOf(pool())
  /** A day in which the price stood at a fraction of what it is now. */
  const stoodAt = (share: ReturnType<typeof of>) => ({
    history: {
      notes: Array.from({ length: 288 }, (_, turn) => ({
        usdPerUnit: multiply(price, share),
        timestamp: NOW - BigInt(1 + turn * 300),
      })),
      creditedBefore: null,
      creditedAfter: null,
    },
  })
  test.each([
    ['the same', of(1n), null],
    ['exactly 25 % above it', of(100n, 125n), null],
    ['a hair more', of(100_000_000n, 125_000_001n), 'the median of the prices noted over a day'],
    ['exactly 25 % below it', of(100n, 75n), null],
    ['a hair less', of(100_000_000n, 74_999_999n), 'the median of the prices noted over a day'],
    ['tenfold', of(1n, 10n), 'the median of the prices noted over a day'],
  ])('%s', (_name, share, why) => {
    const found = whyNot(pool(), stoodAt(share))
    if (why === null) expect(found).toBeNull()
    else expect(found).toContain(why)
    expect(whyNot(pool(), { ...stoodAt(share), deviation: 'accepted' })).toBeNull()
  })

  test.each([
    ['exactly 5 % above it', of(100n, 105n), true],
    ['a hair more', of(100_000_000n, 105_000_001n), false],
    ['exactly 5 % below it', of(100n, 95n), true],
    ['a hair less', of(100_000_000n, 94_999_999n), false],
  ])('of a payment that was held may be a fifth of that: %s', (_name, share, isNear) => {
    const found = whyNot(pool(), { ...stoodAt(share), deviation: 'near' })
    if (isNear) expect(found).toBeNull()
    else expect(found).toContain('not near enough to the median')
    expect(whyNot(pool(), stoodAt(share))).toBeNull()
  })
})
