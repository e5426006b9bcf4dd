import { type Hash, hashMessage, parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ChainReader, createChainReader } from '../../billing/chain/chainReader.ts'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Three RPCs and something wrong with the third: the other two carry on, at their own speed.

let chain: TestChain
let axgt: TestToken
let proxies: RpcProxy[]
let third: RpcProxy
let paid: { hash: Hash; number: bigint; blockHash: Hash }

beforeAll(async () => {
  chain = await createChain()
  axgt = (await chain.deployTokens()).axgt
  proxies = await Promise.all([1, 2, 3].map(() => createRpcProxy(chain.rpcUrl)))
  third = proxies[2] as RpcProxy
  const sent = chain.transferEth({ from: chain.accounts.buyer, value: parseEther('1') })
  const { hashes, number, hash } = await chain.mineWith(sent)
  paid = { hash: hashes[0] as Hash, number, blockHash: hash }
  await chain.mine(10)
})
afterEach(() => Promise.all(proxies.map((proxy) => proxy.heal())))
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()))
  await chain.stop()
})

function open(): ChainReader {
  return createChainReader(
    openEndpoints(proxies.map(({ url }) => url)),
    {
      chainId: chain.chainId,
      wallet: chain.accounts.revenue,
      tokens: new Map([[axgt.address, 'axgt']]),
      axgtToken: axgt.address,
      ethDetection: 'traces',
      oracle: null,
    },
    { confirmations: 6 },
  )
}

/** All that is asked of a chain, by the gate, for a quote, for a look-up and for a sign-in. */
const questions: Record<string, (reader: ChainReader) => Promise<{ kind: string }>> = {
  head: (reader) => reader.readHead(),
  hash: (reader) => reader.readCanonicalHash(paid.number),
  evidence: (reader) =>
    reader.readEvidence({
      block: { number: paid.number, hash: paid.blockHash },
      transactions: [{ txHash: paid.hash, ether: true }],
      state: true,
    }),
  quote: async (reader) =>
    (await reader.readAxgtBalances([chain.accounts.buyer], paid.number)) ?? { kind: 'none' },
  location: (reader) => reader.locate(paid.hash),
  lookUp: (reader) => reader.preview(paid.hash),
  signIn: (reader) =>
    reader.checkSignature({ signer: axgt.address, hash: hashMessage('x'), signature: '0x12' }),
}
const RIGHT = new Set(['agreed', 'known'])

/** Asks everything, over and over; gives what took longest of all but the first round, in milliseconds. */
async function askAll(reader: ChainReader, rounds: number): Promise<number> {
  let longest = 0
  for (let round = 0; round < rounds; round++) {
    for (const [name, ask] of Object.entries(questions)) {
      const askedAt = performance.now()
      const { kind } = await ask(reader)
      expect([name, RIGHT.has(kind)]).toEqual([name, true])
      if (round > 0) longest = Math.max(longest, performance.now() - askedAt)
    }
  }
  return longest
}

/** Far more than two healthy RPCs need on a busy machine, far less than waiting for the third would take. */
const FULL_SPEED_MS = 1_500

describe('the third RPC', () => {
  test.each<[string, () => unknown]>([
    [
      'answers 429, Retry-After: 3600',
      () => third.respondStatus('*', { status: 429, headers: { 'retry-after': '3600' } }),
    ],
    ['answers 503', () => third.respondStatus('*', { status: 503, headers: { 'retry-after': '3600' } })],
    [
      'answers 429 to one method',
      () => third.respondStatus('eth_call', { status: 429, headers: { 'retry-after': '3600' } }),
    ],
    [
      'answers 429 once',
      () => third.respondStatus('*', { status: 429, headers: { 'retry-after': '3600' } }, 1),
    ],
    [
      'answers a rate limit as JSON-RPC',
      () =>
        third.failWith('*', { code: -32_005, message: 'daily request count exceeded, request rate limited' }),
    ],
    ['answers 401', () => third.respondStatus('*', { status: 401, text: 'wrong key' })],
    ['answers HTML', () => third.htmlWith200()],
    ['answers half its JSON', () => third.truncateJson()],
    ['refuses connections', () => third.refuseConnections()],
    ['has no state', () => third.failWith('eth_call', { code: -32_000, message: 'missing trie node' })],
    ['has no traces', () => third.without('debug_traceTransaction')],
    ['lags', () => third.lagBlocks(5)],
  ])('%s → the others carry on at full speed', async (_name, spoil) => {
    const reader = open()
    await askAll(reader, 1)
    await spoil()
    expect(await askAll(reader, 4)).toBeLessThan(FULL_SPEED_MS)
  })

  test.each<[string, () => unknown]>([
    ['never answers', () => third.hang()],
    ['answers with headers and then silence', () => third.hangAfterHeaders()],
  ])('%s → after a moment the others carry on at full speed', async (_name, spoil) => {
    const reader = open()
    await spoil()
    const startedAt = performance.now()
    await waitUntil(
      async () => {
        await askAll(reader, 1)
        return performance.now() - startedAt > 2_500
      },
      { withinMs: 30_000, what: 'the silence to be noticed' },
    )
    expect(await askAll(reader, 4)).toBeLessThan(FULL_SPEED_MS)
  })

  test('contradicts the others as promptly as they answer → disagreement', async () => {
    const reader = open()
    third.lie('eth_getTransactionReceipt', (result) => ({ ...(result as object), status: '0x0' }))
    third.lie('eth_getBlockByNumber', (result) => ({ ...(result as object), hash: `0x${'ab'.repeat(32)}` }))
    expect((await reader.readCanonicalHash(paid.number)).kind).toBe('disagreement')
    expect((await reader.locate(paid.hash)).kind).toBe('disagreement')
  })

  test('is well again → it is waited for and heard again', async () => {
    const reader = open()
    third.respondStatus('*', { status: 429, headers: { 'retry-after': '3600' } })
    await askAll(reader, 3)
    await third.heal()
    third.lie('eth_getBlockByNumber', (result) => ({ ...(result as object), hash: `0x${'ab'.repeat(32)}` }))
    await waitUntil(async () => (await reader.readCanonicalHash(paid.number)).kind === 'disagreement', {
      withinMs: 30_000,
      what: 'the third to be heard',
    })
  })
})

test('a hash that nobody knows is unknown on the word of two, with the third away', async () => {
  const reader = open()
  third.respondStatus('*', { status: 503 })
  expect(await reader.preview(`0x${'77'.repeat(32)}`)).toEqual({ kind: 'unknown' })
})

test('two of three away: nothing is decided, and it is said within seconds', async () => {
  const reader = open()
  for (const proxy of proxies.slice(1))
    proxy.respondStatus('*', { status: 429, headers: { 'retry-after': '3600' } })
  for (let times = 0; times < 3; times++) {
    const askedAt = performance.now()
    expect((await reader.readHead()).kind).toBe('disagreement')
    expect((await reader.readCanonicalHash(paid.number)).kind).toBe('disagreement')
    expect(performance.now() - askedAt).toBeLessThan(10_000)
  }
})

test('all of three answer 429 once: nobody notices', async () => {
  const reader = open()
  for (const proxy of proxies) proxy.respondStatus('*', { status: 429 }, 1)
  expect((await reader.readHead()).kind).toBe('agreed')
})
