import { describe, expect, it } from 'vitest'
import { readPoolWindows } from '../../../billing/chain/contracts/readPoolWindows.ts'
import type { CallOutcome, ChainState } from '../../../billing/chain/rpc/openState.ts'

const POOL = '0x00000000000000000000000000000000000000aa'
const FAILED: CallOutcome<never> = { kind: 'failed' }
const answered = <value>(value: value): CallOutcome<value> => ({ kind: 'answered', value })

/** A pool that says what it is told to, for states that no real pool reaches in a test. */
function stateOf(answer: (name: string, args: readonly unknown[]) => CallOutcome<unknown>): ChainState {
  return {
    read: async ({ functionName, args }) =>
      answer(functionName, (args ?? []) as readonly unknown[]) as CallOutcome<never>,
  }
}

const INT56_MAX = 2n ** 55n - 1n
const UINT160_MAX = 2n ** 160n - 1n

describe('accumulators that run over', () => {
  it('between the ends of a window: it grew by what it grew', async () => {
    const state = stateOf((name) =>
      name === 'slot0'
        ? answered([1n, -5, 0, 1])
        : answered([
            [-INT56_MAX, INT56_MAX],
            [UINT160_MAX - 9n, 20n],
          ]),
    )
    const windows = await readPoolWindows(state, POOL, { twapSeconds: 1_800, timestamp: 10_000n })
    const growth = { tickCumulativeDelta: -2n, secondsPerLiquidityDeltaX128: 30n }
    expect(windows).toEqual({
      fast: { seconds: 1_800, ...growth },
      slow: { seconds: 86_400, ...growth },
      cardinality: 1,
    })
  })

  it('since the oldest observation, with the clock', async () => {
    const state = stateOf((name, args) => {
      if (name === 'slot0') return answered([1n, -5, 1, 2])
      if (name === 'observations') return answered([2 ** 32 - 100, INT56_MAX - 1n, UINT160_MAX, true])
      return String(args[0]) === '0' ? answered([[-INT56_MAX], [4n]]) : FAILED
    })
    const windows = await readPoolWindows(state, POOL, { twapSeconds: 1_800, timestamp: 2n ** 32n + 20n })
    expect(windows).toEqual({
      fast: null,
      slow: { seconds: 120, tickCumulativeDelta: 3n, secondsPerLiquidityDeltaX128: 5n },
      cardinality: 2,
    })
  })
})

describe('a pool that answers in part', () => {
  it.each<[string, readonly (readonly bigint[])[]]>([
    ['one moment of two', [[1n], [1n]]],
    ['no liquidity', [[1n, 2n], []]],
    [
      'three moments',
      [
        [1n, 2n, 3n],
        [1n, 2n, 3n],
      ],
    ],
  ])('%s: no window', async (_name, accumulators) => {
    const state = stateOf((name) => {
      if (name === 'slot0') return answered([1n, 0, 0, 1])
      return name === 'observe' ? answered(accumulators) : FAILED
    })
    const windows = await readPoolWindows(state, POOL, { twapSeconds: 1_800, timestamp: 10_000n })
    expect(windows).toEqual({ fast: null, slow: null, cardinality: 1 })
  })

  it('no slot0, whatever else it says: no pool', async () => {
    const state = stateOf((name) =>
      name === 'slot0'
        ? FAILED
        : answered([
            [1n, 2n],
            [1n, 2n],
          ]),
    )
    expect(await readPoolWindows(state, POOL, { twapSeconds: 1_800, timestamp: 10_000n })).toBeNull()
  })
})
