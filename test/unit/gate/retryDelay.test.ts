import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lostRetryDelayMs, retryDelayMs } from '../../../billing/deposits/retryDelay.ts'
import { type DepositReason, depositReasons } from '../../../billing/deposits/schema.ts'

const SECOND = 1_000
const HOUR = 3_600 * SECOND
const DAY = 24 * HOUR

describe('the next look at a deposit that could not be credited', () => {
  test.each<[DepositReason | null, number[], number]>([
    [null, [1, 2, 4, 8, 15, 15], 15 * SECOND],
    ['rpc_disagreement', [1, 2, 4, 8, 15, 15], 15 * SECOND],
    ['price_unavailable', [1, 2, 4, 8, 16, 32, 60, 60], 60 * SECOND],
    ['state_unavailable', [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600], 600 * SECOND],
    ['below_minimum', [3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400], DAY],
    ['amount_too_large', [3_600, 7_200, 14_400, 28_800, 57_600, 86_400], DAY],
    ['amount_unclear', [3_600, 7_200, 14_400, 28_800, 57_600, 86_400], DAY],
    ['rail_disabled', [3_600, 7_200, 14_400, 28_800, 57_600, 86_400], DAY],
  ])('%s: after %j seconds', (reason, seconds, longest) => {
    expect(seconds.map((_, failures) => retryDelayMs(reason, failures))).toEqual(
      seconds.map((it) => it * SECOND),
    )
    for (const failures of [100, 1_024, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(retryDelayMs(reason, failures)).toBe(longest)
    }
  })

  test('never comes sooner after more failures, and is always a whole, positive number of milliseconds', () => {
    fc.assert(
      fc.property(fc.constantFrom(null, ...depositReasons), fc.nat(), (reason, failures) => {
        const delay = retryDelayMs(reason, failures)
        expect(Number.isSafeInteger(delay) && delay > 0 && delay <= DAY).toBe(true)
        expect(retryDelayMs(reason, failures + 1)).toBeGreaterThanOrEqual(delay)
      }),
    )
  })
})

describe('the search for a transaction that left the chain', () => {
  test('doubles from 5 seconds to an hour', () => {
    const delays = Array.from({ length: 12 }, (_, failures) => lostRetryDelayMs(failures))
    expect(delays.map((delay) => Number(delay) / SECOND)).toEqual([
      5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600,
    ])
  })

  test('ends after about two days', () => {
    let total = 0
    let looks = 0
    for (let delay = lostRetryDelayMs(0); delay !== null; delay = lostRetryDelayMs(looks)) {
      total += delay
      looks += 1
    }
    expect(looks).toBe(57)
    expect(total / DAY).toBeGreaterThan(1.9)
    expect(total / DAY).toBeLessThan(2.1)
    expect(lostRetryDelayMs(looks + 1_000)).toBeNull()
  })
})
