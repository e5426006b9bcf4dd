import { type Address, type Hash, numberToHex, parseEther } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Eip1193 } from '../../../panel/wallet/eip1193.ts'
import { findReplacement, type SentTransaction } from '../../../panel/wallet/findReplacement.ts'
import { createChain, type TestChain } from '../../support/createChain.ts'

const VALUE = parseEther('0.0005')

let chain: TestChain
let payer: Address
let txHash: Hash
let nonce: number

beforeAll(async () => {
  chain = await createChain()
  payer = chain.accounts.buyer
  await chain.mine(5)
})
afterAll(() => chain.stop())

beforeEach(async () => {
  txHash = await chain.transferEth({ from: payer, value: VALUE })
  nonce = (await chain.client.getTransaction({ hash: txHash })).nonce
})

const provider: Eip1193 = {
  request: (call) => chain.client.request(call as never) as Promise<unknown>,
}

function find(changes: Partial<SentTransaction> = {}, by = provider) {
  const call = { to: chain.accounts.revenue, value: VALUE, data: '0x' as const }
  return findReplacement(by, { txHash, chainId: chain.chainId, payer, call, nonce, ...changes })
}

test('a transaction that waits or is mined stands, and its nonce is learnt', async () => {
  expect(await find({ nonce: null })).toEqual({ kind: 'standing', nonce })
  await chain.mine()
  expect(await find()).toEqual({ kind: 'standing', nonce })
})

test('sped up in the wallet, it is found under its new hash', async () => {
  const byHash = await chain.replace(txHash, { to: chain.accounts.revenue, value: VALUE })
  expect(await find()).toEqual({ kind: 'missing' })
  await chain.mineWith(byHash)
  await chain.mine(9)
  expect(await find()).toEqual({ kind: 'sped_up', byHash })
})

test('cancelled in the wallet, it is said to be cancelled', async () => {
  const byHash = await chain.replace(txHash)
  await chain.mineWith(byHash)
  expect(await find()).toEqual({ kind: 'cancelled', byHash })
})

test('a replacement that pays another amount, or somebody else, is another payment', async () => {
  const less = await chain.replace(txHash, { to: chain.accounts.revenue, value: VALUE - 1n })
  await chain.mineWith(less)
  expect(await find()).toEqual({ kind: 'replaced', byHash: less })
})

test('a replacement too far back to be found is still a replacement', async () => {
  await chain.mineWith(chain.replace(txHash))
  await chain.mine(200)
  expect(await find()).toEqual({ kind: 'replaced', byHash: null })
})

test('a wallet that is on another network, or does not answer, cannot tell', async () => {
  await chain.mineWith(chain.replace(txHash))
  expect(await find({ chainId: 1 })).toEqual({ kind: 'unknown' })
  expect(await find({ nonce: null })).toEqual({ kind: 'unknown' })
  for (const method of ['eth_getTransactionByHash', 'eth_getTransactionCount', 'eth_getBlockByNumber']) {
    const broken: Eip1193 = {
      async request(call) {
        if (call.method === method) throw { code: 4200, message: 'not supported' }
        return provider.request(call)
      },
    }
    expect(await find({}, broken)).toEqual({ kind: 'unknown' })
  }
})

test('answers that are not of their form are no answers', async () => {
  const odd: Eip1193 = {
    request: async ({ method }) => (method === 'eth_chainId' ? numberToHex(chain.chainId) : { nonce: 'x' }),
  }
  expect(await find({}, odd)).toEqual({ kind: 'unknown' })
  await chain.mine()
})
