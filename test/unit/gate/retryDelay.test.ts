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
    ['rpc_disagreement', [1, 2, 4, 8, 15, 15], HOUR],
    ['payment_not_seen', [1, 2, 4, 8, 16, 30, 30], HOUR],
    ['evidence_unavailable', [1, 2, 4, 8, 16, 32, 60, 60], HOUR],
    ['setup_changed', [15, 30, 60, 120, 240, 480, 600, 600], 600 * SECOND],
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
    for (const failures of [1_000, 1_024, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(retryDelayMs(reason, failures)).toBe(longest)
    }
  })

  test.each<[DepositReason]>([['rpc_disagreement'], ['payment_not_seen'], ['evidence_unavailable']])(
    '%s: within a minute for the first hour, and for more than a week',
    (reason) => {
      let total = 0
      for (let looks = 0; looks < 1_000; looks += 1) {
        const delay = retryDelayMs(reason, looks)
        if (total < 0.9 * HOUR) expect(delay).toBeLessThanOrEqual(60 * SECOND)
        total += delay
      }
      expect(total).toBeGreaterThan(7 * DAY)
    },
  )

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
  test('doubles from 5 seconds to half a minute, and stays there for about an hour', () => {
    const delays = Array.from({ length: 120 }, (_, failures) => lostRetryDelayMs(failures) / SECOND)
    expect(delays.slice(0, 6)).toEqual([5, 10, 20, 30, 30, 30])
    expect(delays.at(-1)).toBe(30)
    expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(3_500)
  })

  test('becomes rarer, and never ends', () => {
    expect(lostRetryDelayMs(200)).toBe(300 * SECOND)
    expect(lostRetryDelayMs(600)).toBe(HOUR)
    for (const failures of [750, 1_000, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(lostRetryDelayMs(failures)).toBe(DAY)
    }
  })
})
