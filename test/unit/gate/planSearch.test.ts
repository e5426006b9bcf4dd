import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SearchProgress } from '../../../billing/gate/gateDeps.ts'
import { planSearch } from '../../../billing/gate/jobs/searchUnindexed.ts'

describe('planSearch', () => {
  test('begins a little below the block on which the index stands: that block may never have been', () => {
    const plan = planSearch({ startBlock: 0n, head: 110n, indexed: 100n, progress: null, again: 64n })
    expect(plan).toEqual({
      newest: { from: 93n, to: 110n },
      gap: null,
      after: { number: 110n, gap: null },
    })
  })

  test('goes on where it was, at each head', () => {
    const progress = { number: 110n, gap: null }
    const plan = planSearch({ startBlock: 0n, head: 111n, indexed: 100n, progress, again: 0n })
    expect(plan.newest).toEqual({ from: 111n, to: 111n })
    expect(
      planSearch({ startBlock: 0n, head: 111n, indexed: 100n, progress: plan.after, again: 0n }).newest,
    ).toBeNull()
  })

  test('after a reorg, searches again what it has searched, also below a head that went back', () => {
    const progress = { number: 1_000n, gap: null }
    expect(planSearch({ startBlock: 0n, head: 1_003n, indexed: 100n, progress, again: 64n }).newest).toEqual({
      from: 940n,
      to: 1_003n,
    })
    const back = planSearch({ startBlock: 0n, head: 998n, indexed: 100n, progress, again: 64n })
    expect([back.newest, back.after.number]).toEqual([{ from: 937n, to: 998n }, 998n])
  })

  test('never goes below the first block that is looked at', () => {
    const all = { head: 110n, startBlock: 105n, indexed: 100n, progress: null, again: 64n }
    expect(planSearch(all)).toMatchObject({ newest: { from: 105n, to: 110n }, gap: null })
    const gap = { from: 10n, to: 106n }
    const progress = { number: 110n, gap }
    expect(planSearch({ ...all, progress, again: 0n }).gap).toEqual({ from: 105n, to: 106n })
  })

  test('without an index, begins near the head', () => {
    expect(
      planSearch({ startBlock: 0n, head: 5_000n, indexed: null, progress: null, again: 0n }).newest,
    ).toEqual({
      from: 4_937n,
      to: 5_000n,
    })
    expect(planSearch({ startBlock: 0n, head: 3n, indexed: null, progress: null, again: 0n }).newest).toEqual(
      {
        from: 0n,
        to: 3n,
      },
    )
  })

  test('however far behind: the newest blocks first, then every one between', () => {
    const scenario = fc.record({
      head: fc.bigInt({ min: 0n, max: 10_000n }),
      behind: fc.bigInt({ min: 1n, max: 3_000n }),
      steps: fc.array(fc.bigInt({ min: 0n, max: 150n }), { maxLength: 60 }),
    })
    fc.assert(
      fc.property(scenario, ({ head: start, behind, steps }) => {
        const indexed = start > behind ? start - behind : 0n
        const searched = new Set<bigint>()
        let head = start
        let progress: SearchProgress | null = null
        const look = () => {
          const plan = planSearch({ startBlock: 0n, head, indexed, progress, again: 0n })
          if (plan.newest) expect(plan.newest.to - plan.newest.from).toBeLessThan(64n)
          if (plan.gap) expect(plan.gap.to - plan.gap.from).toBeLessThan(100n)
          for (const range of [plan.newest, plan.gap]) {
            for (let block = range?.from ?? 1n; block <= (range?.to ?? 0n); block++) {
              searched.add(block)
            }
          }
          // The head was searched before anything else.
          expect(searched.has(head)).toBe(true)
          progress = plan.after
        }
        for (const step of steps) {
          look()
          head += step
        }
        for (let more = 0; more < 60; more++) look()
        const oldest = head - 2_000n
        for (let block = indexed + 1n > oldest ? indexed + 1n : oldest; block <= head; block++) {
          expect(searched.has(block), `block ${block}`).toBe(true)
        }
      }),
      { numRuns: 200 },
    )
  })
})
