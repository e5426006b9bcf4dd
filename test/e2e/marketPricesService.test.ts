import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestChain, TestContract } from '../support/createChain.ts'
import { createPool, type TestPool } from '../support/createPool.ts'
import { type Scene, startScene, WITHIN_MS } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The whole service at market prices, from an outage of the feed to a payment on each rail. An hour costs 1 USD, an ETH 2000
// USD and an AXGT 0.000005 ETH: 0.0005 ETH are an hour, and so are 1 USDC and, before the bonus, 100 AXGT.

const HOUR = 3_600_000_000n
const WORTH = 4_500_000_000n

let scene: Scene
let feed: TestContract
let pool: TestPool

beforeAll(async () => {
  const overrides: Record<string, string> = { ETH_PRICING: 'chainlink', AXGT_PRICING: 'twap' }
  scene = await startScene({
    proxies: 1,
    overrides,
    async deployTokens(chain) {
      const tokens = await chain.deployTokens()
      feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
      pool = await createPool(chain, { axgt: tokens.axgt, cardinality: 10 })
      // As long as a pool must remember.
      await pool.passTime(6 * 3_600)
      await chain.mineWith(setEthUsd(chain, '0'))
      // Deep enough to be judged.
      await chain.mine(6)
      overrides[`ETH_USD_FEED_${chain.chainId}`] = feed.address
      overrides[`AXGT_POOL_${chain.chainId}`] = pool.address
      overrides[`WETH_ADDRESS_${chain.chainId}`] = pool.weth.address
      return tokens
    },
  })
})
afterAll(async () => {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
})

function setEthUsd(chain: TestChain, usd: string): Promise<Hash> {
  return chain.call({ contract: feed, functionName: 'setAnswer', args: [parseUnits(usd, 8)] })
}

const rail = (asset: 'eth' | 'usdc' | 'axgt') => `${asset}:${scene.chain.chainId}`

async function quote(query: Record<string, string>) {
  return scene.service.request(`/v1/quotes?${new URLSearchParams(query)}`)
}

/** The same at the chain's head: one that was read serves for two seconds. */
async function quoteAtHead(query: Record<string, string>): Promise<unknown> {
  const { number } = await scene.chain.head()
  return waitUntil(
    async () => {
      const { status, body } = await quote(query)
      if (status !== 200) throw new Error(JSON.stringify(body))
      return (body as { asOfBlock: { number: string } }).asOfBlock.number === String(number) && body
    },
    { withinMs: WITHIN_MS, what: `a quote at block ${number}` },
  )
}

/** The gauge that tells which rails have no price, once it is of those values. */
async function unpricedRails(expected: Record<string, number>): Promise<void> {
  await waitUntil(
    async () => {
      const { body } = await scene.service.request('/metrics', { key: scene.service.adminKey })
      const lines = String(body).matchAll(/^price_unavailable\{rail="([^"]+)"\} (\d)$/gm)
      const seen = Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]))
      if (JSON.stringify(Object.entries(seen).sort()) === JSON.stringify(Object.entries(expected).sort()))
        return true
      throw new Error(JSON.stringify(seen))
    },
    { withinMs: WITHIN_MS, what: 'the metric of rails without a price', everyMs: 200 },
  )
}

async function viewOf(hash: Hash): Promise<Record<string, unknown> | undefined> {
  const { body } = await scene.service.request(`/v1/transactions/${hash}`)
  return (body as { deposits: Record<string, unknown>[] }).deposits[0]
}

test('an outage of the feed is told before and after somebody pays, and a payment only waits for its end', async () => {
  const { chain, service } = scene
  await unpricedRails({ [rail('eth')]: 1, [rail('axgt')]: 1 })
  for (const asset of ['eth', 'axgt'] as const) {
    const answer = await quote({ rail: rail(asset) })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(answer.body).toMatchObject({
      code: 'price_unavailable',
      detail: `There is no price for ${rail(asset)} at the moment: the ETH/USD feed answers 0.`,
    })
  }
  const usdc = await quote({ rail: rail('usdc') })
  expect(usdc.body).toMatchObject({ price: '1', creditMinutes: '60', priceSource: { kind: 'fixed' } })

  const payer = await scene.newPayer({ axgt: '1000' })
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: payer, value: parseEther('0.0005') }),
    chain.transferToken({ token: scene.axgt, from: payer, amount: parseUnits('100', 18) }),
  )
  await chain.mine(5)
  const held = await Promise.all(hashes.map((hash) => scene.deposit(hash, 'held', 'price_unavailable')))
  for (const [index, { id }] of held.entries()) {
    const seen = await viewOf(hashes[index] as Hash)
    expect(seen).toMatchObject({ id, state: 'held', reason: 'price_unavailable' })
    expect(seen).not.toHaveProperty('detail')
  }
  const { body } = await service.request('/v1/admin/deposits?state=held', { key: service.adminKey })
  const listed = (body as { items: { id: string; detail: string }[] }).items
  expect(listed.map(({ id }) => id).sort()).toEqual(held.map(({ id }) => id).sort())
  for (const { detail } of listed) expect(detail).toBe('the ETH/USD feed answers 0')

  await chain.mineWith(setEthUsd(chain, '2000'))
  await chain.mine(5)
  const [eth, axgt] = await Promise.all(hashes.map((hash) => scene.deposit(hash, 'credited')))
  // Of 900 AXGT: 5 % off the price.
  expect(BigInt(eth?.micros ?? 0)).toBe((HOUR * 100n) / 95n)
  expect(Number(axgt?.micros) / Number(WORTH)).toBeCloseTo(1, 3)
})

test('a payment on each rail is credited at the price that is quoted and kept', async () => {
  const { chain, usdc, axgt } = scene
  const payer = await scene.newPayer({ axgt: '500' })
  const wanted = await quoteAtHead({ rail: rail('eth'), wallet: payer, minutes: '61.5' })
  expect(wanted).toMatchObject({
    price: '2000',
    tier: { index: 1, discountPercent: '5' },
    priceSource: { kind: 'chainlink', round: '3', feed: feed.address, pool: null, twapSeconds: null },
  })
  const quoted = await quoteAtHead({ rail: rail('axgt'), wallet: payer, amount: '200' })
  const { price, rate, creditMicros, priceSource } = quoted as AxgtQuote
  expect(Number(price)).toBeCloseTo(0.01, 5)
  expect(BigInt(creditMicros)).toBe(
    (parseUnits('200', 18) * BigInt(rate.numerator)) / BigInt(rate.denominator),
  )
  expect(priceSource).toMatchObject({
    kind: 'twap',
    round: '3',
    feed: feed.address,
    pool: pool.address,
    twapSeconds: 1_800,
    ageSeconds: expect.any(Number),
  })

  const { amountBaseUnits } = wanted as { amountBaseUnits: string }
  const { hashes, number } = await chain.mineWith(
    chain.transferEth({ from: payer, value: BigInt(amountBaseUnits) }),
    chain.transferToken({ token: usdc, from: payer, amount: parseUnits('1', 6) }),
    chain.transferToken({ token: axgt, from: payer, amount: parseUnits('200', 18) }),
  )
  await chain.mine(5)
  const [byEth, byUsdc, byAxgt] = await Promise.all(hashes.map((hash) => scene.creditedAsBlocksCome(hash)))
  expect(BigInt(byEth?.micros ?? 0)).toBe(61_500_000n * 60n)
  expect(byUsdc?.micros).toBe(String(HOUR))
  // The pool stood still, so it is the price that was quoted.
  expect(byAxgt?.micros).toBe(creditMicros)

  for (const [asset, worth, source] of [
    ['axgt', price, 'twap'],
    ['eth', '2000', 'chainlink'],
  ] as const) {
    const { status, body } = await scene.service.request(`/v1/prices?rail=${rail(asset)}`)
    expect(status).toBe(200)
    const used = (body as { items: { blockNumber: string }[] }).items.find(
      ({ blockNumber }) => blockNumber === String(number),
    )
    expect(used).toMatchObject({ rail: rail(asset), price: worth, source, round: '3' })
  }
})

interface AxgtQuote {
  price: string
  creditMicros: string
  rate: { numerator: string; denominator: string }
  priceSource: Record<string, unknown>
}
