import { describe, expect, test } from 'vitest'
import { memoryNeededSeconds, observationsNeeded, whyForgetful } from '../../../billing/pricing/axgtUsd.ts'
import { pool, poolWindow, TICK } from './readings.ts'

describe('how much a pool must remember', () => {
  test.each([
    [60, 21_600],
    [1_800, 21_600],
    [10_800, 21_600],
    [10_801, 21_602],
    [43_200, 86_400],
  ])('with a TWAP of %i seconds: %i', (twapSeconds, seconds) => {
    expect(memoryNeededSeconds(twapSeconds)).toBe(seconds)
  })

  // These are the figures of docs/operations.md.
  test.each([
    ['Ethereum', 1, 1_801, 7_201],
    ['Base', 8453, 10_801, 43_201],
    ['OP Mainnet', 10, 10_801, 43_201],
    ['Arbitrum', 42161, 21_601, 65_535],
    ['a chain that is not known', 31337, 21_601, 65_535],
  ])('in observations on %s, however much is traded', (_name, chainId, sixHours, day) => {
    expect(observationsNeeded(21_600, chainId)).toBe(sixHours)
    expect(observationsNeeded(86_400, chainId)).toBe(day)
  })
})

describe('how to make it remember more', () => {
  const why = (cardinality: number, seconds: number | null, chainId = 8453) =>
    whyForgetful(pool({ cardinality, slow: seconds === null ? null : poolWindow(seconds, TICK) }), {
      twapSeconds: 1_800,
      chainId,
    })

  test('it is told step by step, each small enough for one transaction', () => {
    const steps: number[] = []
    for (let room = 1; steps.length < 100; room = steps.at(-1) ?? room) {
      const next = Number(/ (\d+)$/.exec(why(room, 60) ?? '')?.[1] ?? 0)
      if (next === 0) break
      steps.push(next)
    }
    expect(steps.slice(0, 3)).toEqual([701, 1_401, 2_101])
    expect(steps.at(-1)).toBe(10_801)
    expect(why(10_801, 60)).toContain('waiting ends it')
  })

  test('nothing is told of a pool that remembers enough, however small its room', () => {
    expect(why(1, 21_600)).toBeNull()
    expect(why(1, 86_400)).toBeNull()
    expect(why(1, 21_599)).toContain('remembers 21599 seconds')
    expect(why(1, null)).toContain('remembers 0 seconds')
  })
})
