import { expect, test } from 'vitest'
import { explorerLink } from '../../../panel/pay/chains.ts'
import { eip681 } from '../../../panel/pay/eip681.ts'

const revenueWallet = `0x${'ab'.repeat(20)}`
const token = `0x${'cd'.repeat(20)}`
const hash = `0x${'12'.repeat(32)}`

test('ETH is asked for by its value in wei, on its chain', () => {
  expect(eip681({ chainId: 1, token: null, revenueWallet, amountBaseUnits: 375_000_000_000_000n })).toBe(
    `ethereum:${revenueWallet}@1?value=375000000000000`,
  )
})

test('a token is asked for by a transfer of its contract, to the revenue wallet', () => {
  expect(eip681({ chainId: 8453, token, revenueWallet, amountBaseUnits: 1_000_000n })).toBe(
    `ethereum:${token}@8453/transfer?address=${revenueWallet}&uint256=1000000`,
  )
})

test('amounts beyond what a double holds stay exact', () => {
  expect(
    eip681({ chainId: 1, token: null, revenueWallet, amountBaseUnits: 9_007_199_254_740_993n }),
  ).toContain('9007199254740993')
})

test('only chains whose explorer is known have a link', () => {
  expect(explorerLink(1, hash)).toBe(`https://etherscan.io/tx/${hash}`)
  expect(explorerLink(8453, hash)).toBe(`https://basescan.org/tx/${hash}`)
  expect(explorerLink(31337, hash)).toBeNull()
})
