import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogWidth } from '../../../billing/chain/rpc/readLogs.ts'

/** Reads so many blocks from a provider that serves `limit` at once, and gives the requests that this took. */
function read(width: LogWidth, blocks: bigint, limit: (from: bigint) => bigint) {
  const refused: bigint[] = []
  let served = 0
  for (let from = 0n; from < blocks; ) {
    const asked = width.next(blocks - from)
    if (asked <= limit(from)) {
      width.served(asked)
      served += 1
      from += asked
    } else {
      refused.push(asked)
      width.refused(asked)
    }
  }
  return { refused, served }
}

test('asks for all at once where nothing is refused', () => {
  expect(read(new LogWidth(), 5_000n, () => 5_000n)).toEqual({ refused: [], served: 1 })
})

test('halves until it is served, and remembers', () => {
  const width = new LogWidth()
  expect(read(width, 20n, () => 5n).refused).toEqual([20n, 10n])
  expect(read(width, 12n, () => 5n).refused).toEqual([])
})

test('grows again where a provider begins to serve more', () => {
  const width = new LogWidth()
  read(width, 500n, () => 10n)
  expect(read(width, 20_000n, () => 10_000n).served).toBeLessThan(150)
})

test('tries to grow ever more rarely where that fails', () => {
  const width = new LogWidth()
  read(width, 500n, () => 10n)
  const { refused, served } = read(width, 50_000n, () => 10n)
  expect(refused.length).toBeLessThan(20)
  expect(served).toBeGreaterThan(5_000)
})

test('what was refused for another reason leaves it as it was', () => {
  const width = new LogWidth()
  for (const blocks of [400n, 200n, 100n, 50n, 25n, 12n, 6n, 3n]) width.refused(blocks)
  width.forgive(400n)
  expect(width.next(500n)).toBe(400n)
})

test('whatever the limits, it gets through, and never asks for less than a block', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt(1n, 600n), { minLength: 1, maxLength: 20 }), (limits) => {
      const width = new LogWidth()
      const limitAt = (from: bigint) => limits[Number(from / 100n) % limits.length] ?? 1n
      const { refused } = read(width, 2_000n, limitAt)
      expect(refused.every((blocks) => blocks > 1n)).toBe(true)
    }),
  )
})
