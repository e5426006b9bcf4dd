import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ChainReader, createChainReader } from '../../billing/chain/chainReader.ts'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'

// eth_getLogs limited by each provider in its own way: the search finds the width, remembers it and misses nothing.

const BLOCKS = 400

let chain: TestChain
let usdc: TestToken
let proxies: [RpcProxy, RpcProxy]
let paid: Hash[]
let first: bigint

beforeAll(async () => {
  chain = await createChain()
  usdc = (await chain.deployTokens()).usdc
  proxies = [await createRpcProxy(chain.rpcUrl), await createRpcProxy(chain.rpcUrl)]
  await chain.mineWith(chain.mintToken(usdc, chain.accounts.buyer, parseUnits('1000', 6)))
  first = (await chain.head()).number + 1n
  paid = []
  // In the first block and the last, and where chunks of 5, 10 and 100 meet.
  for (const gap of [0, 3, 4, 89, 100, BLOCKS - 202]) {
    if (gap > 0) await chain.mine(gap)
    const send = chain.transferToken({ token: usdc, from: chain.accounts.buyer, amount: 1_000_000n })
    paid.push((await chain.mineWith(send)).hashes[0] as Hash)
  }
})
afterEach(() => Promise.all(proxies.map((proxy) => proxy.heal())))
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()))
  await chain.stop()
})

function open(count = 1): ChainReader {
  return createChainReader(openEndpoints(proxies.slice(0, count).map(({ url }) => url)), {
    chainId: chain.chainId,
    wallet: chain.accounts.revenue,
    tokens: new Map([[usdc.address, 'usdc']]),
    axgtToken: null,
    ethDetection: 'traces',
    oracle: null,
  })
}

async function found(reader: ChainReader): Promise<Hash[]> {
  const { number } = await chain.head()
  const transfers = await reader.findTransfers({ fromBlock: first, toBlock: number, ether: false })
  return transfers.map(({ txHash }) => txHash)
}

const logsAsked = () => proxies[0].calls.get('eth_getLogs') ?? 0

describe.each([5, 10, 100])('limited to %i blocks', (limit) => {
  test.each([
    ['as geth', 200, -32_005, 'query returned more than 10000 results'],
    [
      'as Alchemy',
      400,
      -32_600,
      'You can make eth_getLogs requests with up to a 10 block range. Upgrade to PAYG',
    ],
    ['as QuickNode', 413, -32_614, 'eth_getLogs is limited to a 5 range'],
    ['as Infura', 403, -32_000, 'rate limited range: try a smaller block range'],
    ['in no known words', 500, -32_603, '¯\\_(ツ)_/¯'],
  ])('%s', async (_name, status, code, message) => {
    proxies[0].limitLogs(() => limit, { status, error: { code, message } })
    const reader = open()
    expect(await found(reader)).toEqual(paid)
    proxies[0].resetCalls()
    expect(await found(reader)).toEqual(paid)
    // What was learnt is remembered: chunks of at least half the limit, and a few tries to widen them.
    expect(logsAsked()).toBeLessThan((2 * BLOCKS) / limit + 16)
  })
})

test('limited by the number of results', async () => {
  proxies[0].limitResults(1)
  expect(await found(open())).toEqual(paid)
})

test('limited by the size of the answer', async () => {
  proxies[0].lie('eth_getLogs', (result) =>
    (result as unknown[]).length > 3 ? 'x'.repeat(65 * 1024 * 1024) : result,
  )
  expect(await found(open())).toEqual(paid)
})

test('two RPCs with different limits: each at its own, and all is found', async () => {
  proxies[0].limitLogs(() => 5)
  proxies[1].limitLogs(() => 100)
  proxies[1].lie('eth_getLogs', (result) => (result as unknown[]).slice(0, 0))
  const reader = open(2)
  expect((await found(reader)).sort()).toEqual([...paid].sort())
})

test('a limit that is lifted is noticed', async () => {
  let limit = 5
  proxies[0].limitLogs(() => limit)
  const reader = open()
  await found(reader)
  limit = 10_000
  for (let times = 0; times < 3; times++) await found(reader)
  proxies[0].resetCalls()
  expect(await found(reader)).toEqual(paid)
  expect(logsAsked()).toBeLessThan(40)
})

test('refused even for a single block: it is an error, and what was learnt before still holds', async () => {
  const reader = open()
  expect(await found(reader)).toEqual(paid)
  proxies[0].failWith('eth_getLogs', { code: -32_000, message: 'no logs today' })
  await expect(found(reader)).rejects.toThrow('no RPC of chain')
  await proxies[0].heal()
  proxies[0].resetCalls()
  expect(await found(reader)).toEqual(paid)
  expect(logsAsked()).toBe(1)
})

describe('ETH', () => {
  test('a transaction that cannot be traced hides no other of its block', async () => {
    const { buyer, other, revenue } = chain.accounts
    const contract = await chain.deploy('MultiPayer')
    const value = parseEther('1')
    const { hashes, number } = await chain.mineWith(
      chain.call({ contract, functionName: 'payEth', args: [revenue, [value]], value }),
      chain.transferEth({ from: buyer, value }),
      chain.transferEth({ from: other, value }),
    )
    const seen = async () => {
      const transfers = await open().findTransfers({ fromBlock: number, toBlock: number, ether: true })
      return transfers.map(({ txHash }) => txHash)
    }
    expect(await seen()).toEqual(hashes)

    proxies[0].lie('debug_traceBlockByHash', (result) =>
      (result as { txHash: Hash }[]).map((entry) =>
        entry.txHash === hashes[1] ? { txHash: entry.txHash, error: 'execution timeout' } : entry,
      ),
    )
    expect(await seen()).toEqual(hashes)

    proxies[0].failWith('debug_traceBlockByHash', { code: -32_000, message: 'response is too big' })
    proxies[0].lie('debug_traceTransaction', (result, [txHash]) => (txHash === hashes[0] ? 'x' : result))
    expect(await seen()).toEqual(hashes.slice(1))
  })
})
