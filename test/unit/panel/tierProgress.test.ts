import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type TierStep, tierProgress } from '../../../panel/pay/tierProgress.ts'

const UNIT = 10n ** 18n
const tiers: TierStep[] = [0n, 100n, 1_000n, 10_000n, 100_000n].map((minimumWholeAxgt, index) => ({
  index,
  label: `Tier ${index}`,
  minimumWholeAxgt,
  discountPercent: ['0', '5', '10', '15', '25'][index] ?? '',
}))

test.each([
  [0n, 0, 100n * UNIT, 0],
  [100n * UNIT - 1n, 0, 1n, 999],
  [100n * UNIT, 1, 900n * UNIT, 0],
  [550n * UNIT, 1, 450n * UNIT, 500],
  [1_000n * UNIT - 1n, 1, 1n, 999],
  [100_000n * UNIT - 1n, 3, 1n, 999],
])('%d base units of AXGT are tier %d, with %d missing', (balance, index, missing, permille) => {
  const progress = tierProgress(balance, 18, tiers)
  expect(progress.current.index).toBe(index)
  expect(progress.next?.index).toBe(index + 1)
  expect(progress.missingBaseUnits).toBe(missing)
  expect(progress.permille).toBe(permille)
})

test('above the highest tier nothing is missing', () => {
  const progress = tierProgress(10n ** 30n, 18, tiers)
  expect(progress).toMatchObject({ current: { index: 4 }, next: null, missingBaseUnits: 0n, permille: 1000 })
})

test('with what is said to be missing, the next tier is reached, and with one base unit less it is not', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 100_000n * UNIT - 1n }), (balance) => {
      const { next, missingBaseUnits } = tierProgress(balance, 18, tiers)
      expect(tierProgress(balance + missingBaseUnits, 18, tiers).current).toEqual(next)
      expect(tierProgress(balance + missingBaseUnits - 1n, 18, tiers).current).not.toEqual(next)
    }),
  )
})

test('tiers that do not begin at 0 are a broken assumption', () => {
  expect(() => tierProgress(0n, 18, tiers.slice(1))).toThrow('must begin at 0')
})
