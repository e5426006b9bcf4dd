import { expect, test } from 'vitest'
import { createShares, networksOf } from '../../../billing/api/request/budgets.ts'

const at = (address: string) => networksOf(address) ?? []

test('an address holds no more than it leaves for others, so there is always one for a newcomer', () => {
  const shares = createShares(5_000)
  const held = Array.from({ length: 10 }, (_, n) => {
    let count = 0
    while (shares.take(at(`192.0.2.${n}`)) !== null) count += 1
    return count
  })
  expect(held.slice(0, 4)).toEqual([2_500, 1_250, 625, 313])
  expect(shares.take(at('198.51.100.1'))).not.toBeNull()
})

test('an IPv6 client holds no more by having a whole /48', () => {
  const shares = createShares(1_000)
  let count = 0
  for (let n = 0; n < 1_000; n++) {
    if (shares.take(at(`2001:db8:1:${n.toString(16)}::1`)) !== null) count += 1
  }
  expect(count).toBe(500)
  expect(shares.take(at('2001:db8:2::1'))).not.toBeNull()
})

test('what is given back is there again, once', () => {
  const shares = createShares(2)
  const release = shares.take(at('192.0.2.1'))
  expect(shares.take(at('192.0.2.1'))).toBeNull()
  release?.()
  release?.()
  expect(shares.take(at('192.0.2.1'))).not.toBeNull()
  expect(shares.take(at('192.0.2.2'))).not.toBeNull()
  expect(shares.take(at('192.0.2.3'))).toBeNull()
})
