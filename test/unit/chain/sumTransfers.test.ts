import fc from 'fast-check'
import type { Address } from 'viem'
import { expect, test } from 'vitest'
import { sumTransfers } from '../../../billing/chain/proof/readEvidence.ts'
import type { ProvenTransfer } from '../../../billing/chain/proof/transfers.ts'

const alice: Address = `0x${'0a'.repeat(20)}`
const bob: Address = `0x${'0b'.repeat(20)}`
const of = (asset: ProvenTransfer['asset'], payer: Address, amountBaseUnits: bigint): ProvenTransfer => ({
  asset,
  payer,
  amountBaseUnits,
})

test('each payer and each asset has a sum of its own', () => {
  const transfers = [of('usdc', bob, 1n), of('eth', alice, 2n), of('usdc', alice, 3n), of('usdc', bob, 4n)]
  expect(sumTransfers(transfers)).toEqual([of('eth', alice, 2n), of('usdc', alice, 3n), of('usdc', bob, 5n)])
})

test('nothing sums to nothing', () => {
  expect(sumTransfers([])).toEqual([])
})

test('amounts of 256 bits are added exactly, beyond 256 bits too', () => {
  const most = 2n ** 256n - 1n
  const hundred = Array.from({ length: 100 }, () => of('axgt', alice, most))
  expect(sumTransfers([...hundred, of('axgt', alice, 1n)])).toEqual([of('axgt', alice, 100n * most + 1n)])
})

test('100 000 transfers are summed', () => {
  const many = Array.from({ length: 100_000 }, (_, index) =>
    of('eth', index % 2 ? alice : bob, BigInt(index)),
  )
  expect(sumTransfers(many)).toEqual([of('eth', alice, 2_500_000_000n), of('eth', bob, 2_499_950_000n)])
})

const transfer = fc.record({
  asset: fc.constantFrom('eth', 'usdc', 'axgt'),
  payer: fc.constantFrom(alice, bob),
  amountBaseUnits: fc.bigInt(1n, 2n ** 256n - 1n),
}) as fc.Arbitrary<ProvenTransfer>

test('the result does not depend on the order in which an RPC lists them, and nothing is lost or changed', () => {
  const reordered = fc
    .array(transfer)
    .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
  fc.assert(
    fc.property(reordered, ([transfers, shuffled]) => {
      const before = structuredClone(transfers)
      const sums = sumTransfers(transfers)
      expect(sumTransfers(shuffled)).toEqual(sums)
      expect(transfers).toEqual(before)
      const total = (list: ProvenTransfer[]) => list.reduce((sum, it) => sum + it.amountBaseUnits, 0n)
      expect(total(sums)).toBe(total(transfers))
      expect(new Set(sums.map(({ asset, payer }) => asset + payer)).size).toBe(sums.length)
    }),
  )
})
