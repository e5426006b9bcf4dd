import fc from 'fast-check'
import { expect, it } from 'vitest'
import { findForkPoint } from '../../../supervisor/indexer/findForkPoint.ts'

const anchors = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ number: BigInt(count - index), hash: '0x' }))

it('finds the newest canonical block with few questions, wherever the fork is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(200), fc.nat(200), async (count, fork) => {
      let questions = 0
      const found = await findForkPoint(anchors(count), async ({ number }) => {
        questions += 1
        return number <= BigInt(fork)
      })
      const expected = BigInt(Math.min(count, fork))
      expect(found).toBe(expected === 0n ? null : expected)
      expect(questions).toBeLessThanOrEqual(8)
    }),
  )
})

it('decides nothing when the RPCs do not', async () => {
  const unsure = findForkPoint(anchors(3), () => Promise.reject(new Error('the RPCs do not agree')))
  await expect(unsure).rejects.toThrow('the RPCs do not agree')
})
