import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Address, parseEther, parseUnits, toFunctionSelector } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Rail } from '../../billing/config/config.ts'
import { createQuoter, type QuoteResult } from '../../billing/desk/createQuoter.ts'
import type { Quote } from '../../billing/pricing/quote.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Anybody may ask for quotes, so what they cost the RPCs must not grow with who asks. The proxy counts what is asked; the
// node behind it can be held back, and tells how much was under way at once. The quoter's clock moves only by hand.

const HEAD_SERVES_MS = 2_000
/** What one eth_call holds: the multicall code and its calls travel as initcode, which has a limit (EIP-3860). */
const WALLETS_PER_CALL = 150
const MAX_INITCODE_BYTES = 49_152
/** Calls that may wait for the one under way. */
const WALLETS_IN_WAITING = 1_500

const AMOUNT = parseEther('0.01')
const BALANCE_OF = toFunctionSelector('function balanceOf(address)').slice(2)

let chain: TestChain
let database: TestDatabase
let node: SlowNode
let proxy: RpcProxy
let scene: GateScene
let feed: TestContract
let axgt: TestToken
let rail: Rail
let quoter: ReturnType<typeof openQuoter>

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
  axgt = await chain.deployToken('AXGT', 18)
  node = await createSlowNode(chain.rpcUrl)
  proxy = await createRpcProxy(node.url)
  rail = `eth:${chain.chainId}`
  scene = await startGateScene({
    chain,
    database,
    rpcUrls: proxy.url,
    tokens: { axgt },
    overrides: { ETH_PRICING: 'chainlink', [`ETH_USD_FEED_${chain.chainId}`]: feed.address },
  })
})
beforeEach(() => {
  quoter = openQuoter()
  proxy.resetCalls()
  node.reset()
})
afterEach(async () => {
  node.release()
  await proxy.heal()
})
afterAll(async () => {
  await proxy?.stop()
  await node?.stop()
  await database?.drop()
  await chain?.stop()
})

/** A quoter that remembers nothing yet, and a clock for it that stands still. */
function openQuoter() {
  let nowMs = 1_000_000
  const { quote } = createQuoter({ ...scene.deps, clock: () => new Date(nowMs) })
  return {
    ask: (wallet: Address | null, of: Rail = rail) =>
      quote({ rail: of, wallet, amountBaseUnits: AMOUNT, atLeastMicros: null }),
    askAll: (wallets: Address[]) =>
      Promise.all(
        wallets.map((wallet) => quote({ rail, wallet, amountBaseUnits: AMOUNT, atLeastMicros: null })),
      ),
    skip(milliseconds: number) {
      nowMs += milliseconds
    },
  }
}

let walletsSoFar = 0x1000n

/** Addresses that nobody was asked about before. */
function newWallets(count: number): Address[] {
  return Array.from({ length: count }, (): Address => {
    walletsSoFar += 1n
    return `0x${walletsSoFar.toString(16).padStart(40, '0')}`
  })
}

function quoted(result: QuoteResult | undefined): Quote {
  if (result?.kind !== 'quoted') throw new Error(`not quoted: ${JSON.stringify(result)}`)
  return result.quote
}

function costs(): Record<string, number> {
  return Object.fromEntries([...proxy.calls].sort())
}

const setAnswer = (usd: string) =>
  chain.call({ contract: feed, functionName: 'setAnswer', args: [parseUnits(usd, 8)] })

// Each of the three asks which chain it is. The head is `latest` and `finalized`; a price is a header before and after.
const HEAD = { eth_chainId: 1, eth_getBlockByNumber: 2 }
const HEAD_AND_PRICES = { eth_call: 1, eth_chainId: 2, eth_getBlockByNumber: 4 }

function headAndPricesAnd(walletCalls: number) {
  return { eth_call: 1 + walletCalls, eth_chainId: 2 + walletCalls, eth_getBlockByNumber: 4 }
}

describe('what quotes cost', () => {
  it('500 wallets at one head: the head once, prices once, wallets in few calls, one at a time', async () => {
    const wallets = newWallets(500)
    const [first, , third] = wallets as [Address, Address, Address]
    const last = wallets.at(-1) as Address
    await chain.mineWith(
      chain.mintToken(axgt, first, parseUnits('100', 18)),
      chain.mintToken(axgt, third, parseUnits('10000', 18)),
      chain.mintToken(axgt, last, parseUnits('100000', 18)),
    )
    const quotes = (await quoter.askAll(wallets)).map(quoted)
    expect(costs()).toEqual(headAndPricesAnd(Math.ceil(500 / WALLETS_PER_CALL)))
    expect(node.mostWalletCalls()).toBe(1)
    expect(node.largestCallBytes()).toBeLessThanOrEqual(MAX_INITCODE_BYTES)

    const { hash } = await chain.head()
    expect(new Set(quotes.map(({ asOfBlock }) => asOfBlock.hash))).toEqual(new Set([hash]))
    expect(quotes.map(({ wallet }) => wallet)).toEqual(wallets)
    const discounts = quotes.map(({ tier }) => Number(tier.discountPercent))
    expect([discounts[0], discounts[1], discounts[2], discounts.at(-1)]).toEqual([5, 0, 15, 25])
    expect(discounts.filter((discount) => discount > 0)).toHaveLength(3)

    proxy.resetCalls()
    quoter.skip(HEAD_SERVES_MS - 1)
    expect((await quoter.askAll(wallets)).map(quoted)).toEqual(quotes)
    expect(costs()).toEqual({})
  })

  it('as many asking for nobody in particular ask for no wallet', async () => {
    await Promise.all(Array.from({ length: 500 }, () => quoter.ask(null).then(quoted)))
    expect(costs()).toEqual(HEAD_AND_PRICES)
  })

  it('one wallet asked about by 500 at once is read once', async () => {
    const [wallet] = newWallets(1) as [Address]
    await Promise.all(Array.from({ length: 500 }, () => quoter.ask(wallet).then(quoted)))
    expect(costs()).toEqual(headAndPricesAnd(1))
  })

  it('two seconds later in the same block: the head once, and nothing else', async () => {
    const wallets = newWallets(20)
    await quoter.askAll(wallets)
    proxy.resetCalls()
    quoter.skip(HEAD_SERVES_MS)
    await Promise.all([quoter.askAll(wallets), quoter.askAll(wallets)])
    expect(costs()).toEqual(HEAD)
  })

  it('a new block: prices once more, and only the wallets that are asked about again', async () => {
    const wallets = newWallets(400)
    const before = quoted((await quoter.askAll(wallets))[0])
    await chain.mineWith(setAnswer('2500'))
    proxy.resetCalls()
    quoter.skip(HEAD_SERVES_MS)
    const [after] = (await quoter.askAll(wallets.slice(0, 50))).map(quoted)
    expect(costs()).toEqual(headAndPricesAnd(1))
    expect([before.price.usdPerUnit, after?.price.usdPerUnit]).toEqual(['2000', '2500'])
    expect(after?.asOfBlock.number).toBe(before.asOfBlock.number + 1n)
    await chain.mineWith(setAnswer('2000'))
  })

  it('a rail of fixed price asks for no price', async () => {
    quoted(await quoter.ask(null, `axgt:${chain.chainId}`))
    expect(costs()).toEqual(HEAD)
  })
})

describe('an RPC that fails', () => {
  const UNAVAILABLE = { kind: 'price_unavailable', why: 'the chain cannot be read', retryAfterSeconds: 5 }

  it('no state: all who wait share one failure, and the next who asks has it tried again', async () => {
    proxy.failWith('eth_call', { code: -32_000, message: 'out of order' })
    const wallets = newWallets(WALLETS_PER_CALL)
    for (const result of await quoter.askAll(wallets)) expect(result).toEqual(UNAVAILABLE)
    expect(costs()).toEqual(headAndPricesAndOneHeaderLess(1))

    await proxy.heal()
    proxy.resetCalls()
    ;(await quoter.askAll(wallets)).map(quoted)
    expect(costs()).toEqual({ eth_call: 2, eth_chainId: 2, eth_getBlockByNumber: 2 })
  })

  /** What is read after a state that could not be read is not read. */
  function headAndPricesAndOneHeaderLess(walletCalls: number) {
    return { ...headAndPricesAnd(walletCalls), eth_getBlockByNumber: 3 }
  }

  it('no head: asked for no more often than every two seconds, however many ask', async () => {
    proxy.failWith('eth_getBlockByNumber', { code: -32_000, message: 'out of order' })
    for (let round = 0; round < 3; round++) {
      for (const result of await quoter.askAll(newWallets(100))) expect(result).toEqual(UNAVAILABLE)
    }
    expect(costs()).toEqual(HEAD)
    await proxy.heal()
    quoter.skip(HEAD_SERVES_MS)
    quoted(await quoter.ask(null))
  })
})

describe('more wallets than may wait', () => {
  it('are told so at once, and the others get their answer', async () => {
    quoted(await quoter.ask(null))
    node.hold()
    const early = quoter.askAll(newWallets(WALLETS_PER_CALL))
    await waitUntil(() => node.heldCalls() === 1, { withinMs: 5_000, what: 'a call to be under way' })
    const waiting = quoter.askAll(newWallets(WALLETS_IN_WAITING - WALLETS_PER_CALL))

    const [late] = newWallets(1)
    const refused = await quoter.ask(late ?? null)
    expect(refused).toEqual({
      kind: 'price_unavailable',
      why: 'too many wallets are asked about at once',
      retryAfterSeconds: 5,
    })
    // Who asks for nobody in particular does not wait for wallets.
    quoted(await quoter.ask(null))
    expect(node.heldCalls()).toBe(1)

    node.release()
    for (const result of [...(await early), ...(await waiting)]) quoted(result)
    expect(node.mostWalletCalls()).toBe(1)
    ;(await quoter.askAll(newWallets(1))).map(quoted)
  })
})

describe('a head that is reorganised away', () => {
  it('gives no price to the block in its place', async () => {
    const old = await chain.mineWith(setAnswer('3000'))
    const before = quoted(await quoter.ask(null))
    expect([before.price.usdPerUnit, before.asOfBlock.hash]).toEqual(['3000', old.hash])

    const now = await chain.reorg(1)
    expect(now.number).toBe(old.number)
    // For as long as the old head serves, the price is told as that of the old block.
    expect(quoted(await quoter.ask(null)).asOfBlock.hash).toBe(old.hash)
    quoter.skip(HEAD_SERVES_MS)
    const after = quoted(await quoter.ask(null))
    expect([after.price.usdPerUnit, after.asOfBlock.hash]).toEqual(['2000', now.hash])
  })

  it('after its head was read and before its price was: no price, and then that of the new block', async () => {
    await chain.mineWith(setAnswer('3000'))
    quoted(await quoter.ask(null, `axgt:${chain.chainId}`))
    const now = await chain.reorg(1)
    expect(await quoter.ask(null)).toMatchObject({ kind: 'price_unavailable' })
    quoter.skip(HEAD_SERVES_MS)
    const after = quoted(await quoter.ask(null))
    expect([after.price.usdPerUnit, after.asOfBlock.hash]).toEqual(['2000', now.hash])
  })

  it('gives no AXGT to the block in its place', async () => {
    const [wallet] = newWallets(1) as [Address]
    await chain.mineWith(chain.mintToken(axgt, wallet, parseUnits('100000', 18)))
    expect(quoted(await quoter.ask(wallet)).tier.discountPercent).toBe('25')
    const now = await chain.reorg(1)
    quoter.skip(HEAD_SERVES_MS)
    const after = quoted(await quoter.ask(wallet))
    expect([after.tier.discountPercent, after.asOfBlock.hash]).toEqual(['0', now.hash])
  })
})

/** A node whose answers about wallets can be held back. */
interface SlowNode {
  url: string
  /** From now on, no eth_call is answered. */
  hold(): void
  release(): void
  heldCalls(): number
  /** eth_calls about balances that were under way at once, at most, since `reset`. */
  mostWalletCalls(): number
  /** Of one eth_call's data, since `reset`. */
  largestCallBytes(): number
  reset(): void
  stop(): Promise<void>
}

/** Stands between the proxy and the chain: the proxy counts what is asked, this one what is under way. */
async function createSlowNode(upstreamUrl: string): Promise<SlowNode> {
  let isHolding = false
  let held: (() => void)[] = []
  let underWay = 0
  let most = 0
  let largest = 0

  async function answer(body: string): Promise<string> {
    const { method, params } = JSON.parse(body) as { method: string; params: [{ data: string }] }
    const data = method === 'eth_call' ? params[0].data : ''
    const isWalletCall = data.includes(BALANCE_OF)
    largest = Math.max(largest, (data.length - 2) / 2)
    if (isWalletCall) most = Math.max(most, ++underWay)
    try {
      if (isHolding && data !== '') await new Promise<void>((resolve) => held.push(resolve))
      const headers = { 'content-type': 'application/json' }
      const said = await fetch(upstreamUrl, { method: 'POST', headers, body })
      return await said.text()
    } finally {
      if (isWalletCall) underWay -= 1
    }
  }

  const server: Server = createServer(async (request, response) => {
    const json = await answer(await textOf(request))
    response.writeHead(200, { 'content-type': 'application/json' }).end(json)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold() {
      isHolding = true
    },
    release() {
      isHolding = false
      for (const resolve of held) resolve()
      held = []
    },
    heldCalls: () => held.length,
    mostWalletCalls: () => most,
    largestCallBytes: () => largest,
    reset() {
      most = 0
      largest = 0
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
