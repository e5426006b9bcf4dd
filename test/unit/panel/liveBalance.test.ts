import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { liveBalance } from '../../../panel/state/liveBalance.ts'

const MINUTE_MICROS = 60_000_000n
const settings = { lowBalanceMinutes: 10 }
const receivedAtMs = 1_750_000_000_000

function known(
  balanceMicros: bigint,
  burnMicrosPerMinute: bigint,
  rest: { low?: boolean; grace?: number } = {},
) {
  return {
    address: '0x00000000000000000000000000000000000000aa',
    balanceMicros: balanceMicros.toString(),
    balanceMinutes: '',
    burnMicrosPerMinute: burnMicrosPerMinute.toString(),
    runsOutAt: null,
    low: rest.low ?? false,
    graceRemainingSeconds: rest.grace ?? null,
    receivedAtMs,
  }
}
const later = (ms: number) => receivedAtMs + ms

describe('a balance counts down between two events', () => {
  test('by what all sessions burn together', () => {
    const balance = known(60n * MINUTE_MICROS, 2n * MINUTE_MICROS)
    expect(liveBalance(balance, later(90_000), settings)).toEqual({
      balanceMicros: 57n * MINUTE_MICROS,
      runsOutAtMs: later(30 * 60_000),
      isLow: false,
      graceLeftSeconds: null,
    })
  })

  test('never below zero, and what was below zero stays as it is', () => {
    expect(liveBalance(known(1n, MINUTE_MICROS), later(3_600_000), settings).balanceMicros).toBe(0n)
    expect(liveBalance(known(-5n, MINUTE_MICROS), later(3_600_000), settings).balanceMicros).toBe(-5n)
    expect(liveBalance(known(-5n, MINUTE_MICROS), later(0), settings).runsOutAtMs).toBeNull()
  })

  test('not at all while nothing burns, and a clock set back gives nothing', () => {
    expect(liveBalance(known(7n, 0n), later(1e9), settings)).toMatchObject({
      balanceMicros: 7n,
      runsOutAtMs: null,
    })
    const burning = known(60n * MINUTE_MICROS, MINUTE_MICROS)
    expect(liveBalance(burning, later(-60_000), settings).balanceMicros).toBe(60n * MINUTE_MICROS)
  })

  test('it is low from the threshold at the present burn on, without waiting for the event', () => {
    const burning = known(21n * MINUTE_MICROS, 2n * MINUTE_MICROS)
    expect(liveBalance(burning, later(29_999), settings).isLow).toBe(false)
    expect(liveBalance(burning, later(30_000), settings).isLow).toBe(true)
    expect(liveBalance(known(5n, 0n, { low: true }), later(0), settings).isLow).toBe(true)
  })

  test('grace time, which the service counts at the GPUs that run, runs down with the clock to zero', () => {
    expect(liveBalance(known(0n, 0n, { grace: 90 }), later(30_500), settings).graceLeftSeconds).toBe(60)
    expect(liveBalance(known(0n, 0n, { grace: 90 }), later(100_000), settings).graceLeftSeconds).toBe(0)
  })

  test('for any balance and burn: monotone, whole, never a minute more than there was', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 15n), 10n ** 18n),
        fc.bigInt(0n, 10n ** 12n),
        fc.nat(1e9),
        fc.nat(1e9),
        (micros, burn, ms, more) => {
          const early = liveBalance(known(micros, burn), later(ms), settings).balanceMicros
          const late = liveBalance(known(micros, burn), later(ms + more), settings).balanceMicros
          expect(late <= early && early <= micros).toBe(true)
          expect(late >= (micros < 0n ? micros : 0n)).toBe(true)
        },
      ),
    )
  })
})
