import { type Address, concatHex, encodeFunctionData, erc20Abi, type Hex, zeroAddress } from 'viem'
import { describe, expect, it } from 'vitest'
import { promisedTransfers } from '../../../billing/chain/proof/previewTransaction.ts'
import type { Asset } from '../../../billing/config/config.ts'

const wallet: Address = `0x${'aa'.repeat(20)}`
const sender: Address = `0x${'bb'.repeat(20)}`
const owner: Address = `0x${'bc'.repeat(20)}`
const usdc: Address = `0x${'cc'.repeat(20)}`
const axgt: Address = `0x${'dd'.repeat(20)}`
const context = {
  wallet,
  tokens: new Map<Address, Asset>([
    [usdc, 'usdc'],
    [axgt, 'axgt'],
  ]),
}

const transfer = (to: Address, amount: bigint): Hex =>
  encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amount] })
const transferFrom = (from: Address, to: Address, amount: bigint): Hex =>
  encodeFunctionData({ abi: erc20Abi, functionName: 'transferFrom', args: [from, to, amount] })
const sending = (change: { to?: Address | null; value?: bigint; input?: Hex; from?: Address }) =>
  promisedTransfers({ from: sender, to: wallet, value: 0n, input: '0x', ...change }, context)

describe('a waiting transaction promises', () => {
  it('its own value to the wallet, with any calldata', () => {
    const expected = [{ asset: 'eth', payer: sender, amountBaseUnits: 7n }]
    expect(sending({ value: 7n })).toEqual(expected)
    expect(sending({ value: 7n, input: transfer(wallet, 9n) })).toEqual(expected)
  })

  it('a transfer of a configured token, by its sender', () => {
    const most = 2n ** 256n - 1n
    expect(sending({ to: axgt, input: transfer(wallet, most) })).toEqual([
      { asset: 'axgt', payer: sender, amountBaseUnits: most },
    ])
  })

  it('a transferFrom, by the owner of the tokens', () => {
    expect(sending({ to: usdc, input: transferFrom(owner, wallet, 1n) })).toEqual([
      { asset: 'usdc', payer: owner, amountBaseUnits: 1n },
    ])
  })
})

describe('a waiting transaction promises nothing', () => {
  const other: Address = `0x${'ee'.repeat(20)}`
  it.each<[string, Parameters<typeof sending>[0]]>([
    ['with no value', {}],
    ['to another address', { to: other, value: 7n }],
    ['that makes a contract', { to: null, value: 7n, input: transfer(wallet, 7n) }],
    ['of the wallet to itself', { from: wallet, value: 7n }],
    ['to a token that is not configured', { to: other, input: transfer(wallet, 7n) }],
    ['with value to a token', { to: usdc, value: 7n }],
    ['of a token to somebody else', { to: usdc, input: transfer(other, 7n) }],
    ['of no tokens', { to: usdc, input: transfer(wallet, 0n) }],
    ['of tokens by the wallet', { to: usdc, from: wallet, input: transfer(wallet, 7n) }],
    ['of tokens owned by the wallet', { to: usdc, input: transferFrom(wallet, wallet, 7n) }],
    ['of tokens owned by nobody', { to: usdc, input: transferFrom(zeroAddress, wallet, 7n) }],
    [
      'to approve',
      { to: usdc, input: encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [wallet, 7n] }) },
    ],
    ['with a selector alone', { to: usdc, input: transfer(wallet, 7n).slice(0, 10) as Hex }],
    ['with three bytes', { to: usdc, input: '0xa9059c' }],
    ['with an amount cut short', { to: usdc, input: transfer(wallet, 7n).slice(0, -2) as Hex }],
    [
      'with another selector',
      { to: usdc, input: concatHex(['0xdeadbeef', `0x${transfer(wallet, 7n).slice(10)}`]) },
    ],
    ['with a hundred thousand bytes of noise', { to: usdc, input: `0x${'5a'.repeat(100_000)}` }],
  ])('%s', (_name, change) => {
    expect(sending(change)).toEqual([])
  })
})
