import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createQuoter, type QuoteRequest } from '../../billing/desk/createQuoter.ts'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import type { Quote } from '../../billing/pricing/quote.ts'
import { quoteFromJson } from '../../billing/pricing/quoteJson.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createRpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner, type Signer } from '../support/newSigner.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// Cases 33 to 35 with ETH priced by Chainlink. Goal: a payment is worth what the feed said at its own block, whoever looks
// and whenever; where the feed is not to be trusted it waits, and loses nothing. Method: the gate alone, pass by pass, over
// a real chain; every test has a feed, payers and a database of its own.

/** 1 USD at 2000: an hour. */
const ETHER = parseEther('0.0005')
const HOUR = 3_600_000_000n
/** Beyond the longest pause between two looks at a payment without a price. */
const LOOK_AGAIN_MS = 61_000

interface Market {
  gate: GateScene
  feed: TestContract
  database: TestDatabase
}

let chain: TestChain
let axgt: TestToken
const markets: Market[] = []

beforeAll(async () => {
  chain = await createChain()
  axgt = await chain.deployToken('AXGT', 18)
})
afterEach(async () => {
  for (const { gate, database } of markets.splice(0)) {
    const found = await gate.differences()
    await database.drop()
    expect(found).toEqual([])
  }
})
afterAll(() => chain?.stop())

/** 8 decimals, as Chainlink's USD feeds have. */
const usd = (dollars: string, decimals = 8) => parseUnits(dollars, decimals)

interface MarketOptions {
  feed?: TestContract
  rpcUrls?: string
  overrides?: Record<string, string>
}

async function openMarket({ feed, ...options }: MarketOptions = {}): Promise<Market> {
  const used = feed ?? (await deployFeed(usd('2000')))
  const database = await createTestDatabase()
  const market = { database, feed: used, gate: await openGate(database, used, options) }
  markets.push(market)
  return market
}

function openGate(
  database: TestDatabase,
  feed: TestContract,
  { overrides, ...options }: Omit<MarketOptions, 'feed'> = {},
): Promise<GateScene> {
  const settings = { ETH_PRICING: 'chainlink', [`ETH_USD_FEED_${chain.chainId}`]: feed.address, ...overrides }
  return startGateScene({ chain, database, tokens: { axgt }, overrides: settings, ...options })
}

function deployFeed(answer: bigint, decimals = 8): Promise<TestContract> {
  return chain.deploy('PriceFeed', ['ETH / USD', decimals, answer])
}

/** Waits in the mempool, like every verb that sends. */
function setAnswer(feed: TestContract, answer: bigint): Promise<Hash> {
  return chain.call({ contract: feed, functionName: 'setAnswer', args: [answer] })
}

/** Pays in a block of its own, or together with what waits in `beside`. */
async function pay(payer: Signer, { value = ETHER, beside = [] as Promise<Hash>[] } = {}) {
  const { hash, raw } = await payer.payEther(value)
  const { number, hash: blockHash } = await chain.mineWith(chain.resend(raw), ...beside)
  return { hash, raw, block: { number, hash: blockHash } }
}

/** Hands the payments in and has the gate pass once. */
async function look({ gate }: Market, ...payments: { hash: Hash }[]): Promise<void> {
  for (const { hash } of payments) await gate.submit(hash)
  await gate.pass()
}

/** Has the gate pass when everything that is held is due. */
async function lookAgain({ gate }: Market): Promise<void> {
  gate.skip(LOOK_AGAIN_MS)
  await gate.pass()
}

/** What the payment was credited by, as it is stored. */
async function storedQuote({ database }: Market, { hash }: { hash: Hash }): Promise<Quote> {
  const [row] = await database.sql<{ quote: unknown }[]>`
    select c.quote from credits.deposit_credit c join credits.deposit d on d.id = c.deposit_id
    where d.tx_hash = ${hash} and c.reversal_entry_id is null`
  const parsed = quoteFromJson(row?.quote)
  if (parsed.kind !== 'quote') throw new Error(`${hash} has no quote: ${parsed.problem}`)
  return parsed.quote
}

async function held({ database }: Market, { hash }: { hash: Hash }) {
  const [row] = await database.sql`
    select state, reason, detail from credits.deposit where tx_hash = ${hash}`
  return row
}

const unpriced = (detail: string) => ({ state: 'held', reason: 'price_unavailable', detail })

async function quoteNow({ gate }: Market, request: Partial<QuoteRequest>) {
  const rail = `eth:${chain.chainId}` as const
  const whole = { rail, wallet: null, amountBaseUnits: null, atLeastMicros: null, ...request }
  // A quoter of its own: one that is kept serves a head for two seconds.
  return createQuoter(gate.deps).quote(whole)
}

async function updatedAt(feed: TestContract): Promise<bigint> {
  const round = await chain.read({ contract: feed, functionName: 'latestRoundData' })
  return (round as [bigint, bigint, bigint, bigint, bigint])[3]
}

/** The next block is of exactly that time. */
const nextBlockAt = (timestamp: bigint) => chain.client.setNextBlockTimestamp({ timestamp })

describe('the price of the block', () => {
  test('0.0005 ETH is an hour at 2000 and two at 4000, each by its own block and not by when it is credited', async () => {
    const market = await openMarket()
    const [early, late] = [await newSigner(chain), await newSigner(chain)]
    const first = await pay(early)
    await chain.mineWith(setAnswer(market.feed, usd('4000')))
    const second = await pay(late)
    expect(await market.gate.deposit(first.hash)).toBeUndefined()
    await chain.mine(5)
    await look(market, first, second)
    expect(await market.gate.deposit(first.hash)).toMatchObject({ state: 'credited', micros: HOUR })
    expect(await market.gate.deposit(second.hash)).toMatchObject({ state: 'credited', micros: 2n * HOUR })
    expect(await storedQuote(market, first)).toMatchObject({
      asOfBlock: first.block,
      price: {
        mode: 'chainlink',
        usdPerUnit: '2000',
        usdPerHour: '1',
        reading: {
          block: first.block,
          ethUsd: {
            feed: market.feed.address,
            roundId: 1n,
            answer: usd('2000'),
            answeredInRound: 1n,
            decimals: 8,
          },
          sequencer: null,
          pool: null,
        },
      },
    })
    expect((await storedQuote(market, second)).price.reading?.ethUsd).toMatchObject({ roundId: 2n })
  })

  test('payments of one block are priced alike, whatever moves between them and in the block after', async () => {
    const market = await openMarket()
    const [one, other] = [await newSigner(chain), await newSigner(chain)]
    const sent = await one.payEther(ETHER)
    const beside = [chain.resend(sent.raw), setAnswer(market.feed, usd('3000'))]
    const second = await pay(other, { beside })
    await chain.mineWith(setAnswer(market.feed, usd('9000')))
    await chain.mine(4)
    await look(market, sent, second)
    const quotes = [await storedQuote(market, sent), await storedQuote(market, second)]
    expect(quotes.map(({ creditMicros }) => creditMicros)).toEqual([5_400_000_000n, 5_400_000_000n])
    expect(quotes[0]?.price).toEqual(quotes[1]?.price)
    expect(quotes[0]?.price.reading).toMatchObject({ block: second.block, ethUsd: { roundId: 2n } })
  })

  test.each([
    [18, '2000'],
    [0, '2000'],
  ])('a feed of %i decimals says the same', async (decimals, answer) => {
    const market = await openMarket({ feed: await deployFeed(usd(answer, decimals), decimals) })
    const payment = await pay(await newSigner(chain))
    await chain.mine(5)
    await look(market, payment)
    expect(await market.gate.deposit(payment.hash)).toMatchObject({ state: 'credited', micros: HOUR })
    const { price } = await storedQuote(market, payment)
    expect(price).toMatchObject({ usdPerUnit: '2000', reading: { ethUsd: { decimals } } })
  })

  test('RPCs that do not agree on the price credit nothing, until they do', async () => {
    const proxy = await createRpcProxy(chain.rpcUrl)
    try {
      const market = await openMarket({ rpcUrls: `${chain.rpcUrl},${proxy.url}` })
      const word = (answer: bigint) => answer.toString(16).padStart(64, '0')
      proxy.lie('eth_call', (result) => String(result).replaceAll(word(usd('2000')), word(usd('200000'))))
      const payment = await pay(await newSigner(chain))
      await chain.mine(5)
      await look(market, payment)
      expect(await held(market, payment)).toMatchObject({ state: 'held', reason: 'rpc_disagreement' })
      await proxy.heal()
      await lookAgain(market)
      expect(await market.gate.deposit(payment.hash)).toMatchObject({ state: 'credited', micros: HOUR })
    } finally {
      await proxy.stop()
    }
  })
})

describe('a feed that is not to be trusted', () => {
  test('answers 0 and then −1: held, and credited at the first healthy block, by the tier of the own block', async () => {
    const market = await openMarket()
    const { gate, feed } = market
    const seller = await newSigner(chain)
    const buyer = await newSigner(chain)
    await chain.mineWith(chain.mintToken(axgt, seller.address, parseUnits('100', 18)))
    await chain.mineWith(setAnswer(feed, 0n))
    expect(await quoteNow(market, {})).toEqual({
      kind: 'price_unavailable',
      why: 'the ETH/USD feed answers 0',
      retryAfterSeconds: 5,
    })
    const first = await pay(seller)
    await chain.mineWith(setAnswer(feed, -1n))
    const second = await pay(buyer)
    const sold = await seller.payToken(axgt, parseUnits('100', 18))
    await chain.mineWith(
      chain.resend(sold.raw),
      chain.mintToken(axgt, buyer.address, parseUnits('100000', 18)),
    )
    await chain.mine(5)
    await look(market, first, second)
    expect(await held(market, first)).toEqual(unpriced('the ETH/USD feed answers 0'))
    expect(await held(market, second)).toEqual(unpriced('the ETH/USD feed answers -1'))

    const healthy = await chain.mineWith(setAnswer(feed, usd('2500')))
    await chain.mine(4)
    await lookAgain(market)
    expect(await held(market, first)).toMatchObject({ state: 'held' })
    await chain.mineWith(setAnswer(feed, usd('4000')))
    await chain.mine(7)
    await lookAgain(market)
    // 75 minutes, less 5 % of the price for the one who had 100 AXGT when it paid.
    expect(await gate.deposit(first.hash)).toMatchObject({ state: 'credited', micros: 4_736_842_105n })
    expect(await gate.deposit(second.hash)).toMatchObject({ state: 'credited', micros: 4_500_000_000n })
    const quotes = [await storedQuote(market, first), await storedQuote(market, second)]
    expect(quotes.map(({ tier }) => tier.index)).toEqual([1, 0])
    expect(quotes.map(({ asOfBlock }) => asOfBlock)).toEqual([first.block, second.block])
    for (const { price } of quotes) {
      expect(price.reading).toMatchObject({
        block: { number: healthy.number, hash: healthy.hash },
        ethUsd: { answer: usd('2500'), roundId: 4n },
      })
    }

    // Somebody who looks for the first time only now finds the very same.
    await chain.mineWith(setAnswer(feed, usd('1')))
    await chain.mine(9)
    const later = await openMarket({ feed })
    await look(later, first, second)
    await lookAgain(later)
    expect([await storedQuote(later, first), await storedQuote(later, second)]).toEqual(quotes)
  })

  test('exactly as old as allowed is fresh; one second older is held until the feed is updated', async () => {
    const market = await openMarket({ overrides: { ETH_USD_MAX_AGE_SECONDS: '600' } })
    const [punctual, late] = [await newSigner(chain), await newSigner(chain)]
    const fedAt = await updatedAt(market.feed)
    await nextBlockAt(fedAt + 600n)
    const fresh = await pay(punctual)
    await nextBlockAt(fedAt + 601n)
    const stale = await pay(late)
    await chain.mine(5)
    await look(market, fresh, stale)
    expect(await market.gate.deposit(fresh.hash)).toMatchObject({ state: 'credited', micros: HOUR })
    expect(await held(market, stale)).toEqual(
      unpriced('the answer of the ETH/USD feed is 601 seconds old, and may be 600'),
    )
    const healthy = await chain.mineWith(setAnswer(market.feed, usd('3000')))
    await chain.mine(5)
    await lookAgain(market)
    expect(await market.gate.deposit(stale.hash)).toMatchObject({ state: 'credited', micros: 5_400_000_000n })
    expect((await storedQuote(market, stale)).price.reading?.block.number).toBe(healthy.number)
  })

  test('an answer of a time after the block is held, and counts once its time has come', async () => {
    const market = await openMarket()
    const fedAt = (await chain.timestamp()) + 100n
    const args = [usd('4000'), fedAt]
    await chain.mineWith(chain.call({ contract: market.feed, functionName: 'setAnswerAt', args }))
    const payment = await pay(await newSigner(chain))
    await chain.mine(5)
    await look(market, payment)
    expect(await held(market, payment)).toEqual(
      unpriced('the answer of the ETH/USD feed is of a time after the block'),
    )
    await nextBlockAt(fedAt)
    const healthy = await chain.mine()
    await chain.mine(5)
    await lookAgain(market)
    expect((await storedQuote(market, payment)).price.reading?.block.number).toBe(healthy.number)
    expect(await market.gate.deposit(payment.hash)).toMatchObject({ micros: 2n * HOUR })
  })

  test('one that reverts is held for its price, not for its state, and credited when it answers again', async () => {
    const market = await openMarket()
    // A round of time 0 is one that the feed does not have.
    const args = [usd('2000'), 0n]
    await chain.mineWith(chain.call({ contract: market.feed, functionName: 'setAnswerAt', args }))
    const payment = await pay(await newSigner(chain))
    await chain.mine(5)
    await look(market, payment)
    expect(await held(market, payment)).toEqual(unpriced('the ETH/USD feed does not answer'))
    await chain.mineWith(setAnswer(market.feed, usd('2000')))
    await chain.mine(5)
    await lookAgain(market)
    expect(await market.gate.deposit(payment.hash)).toMatchObject({ state: 'credited', micros: HOUR })
  })

  test.each([
    ['without code', async () => '0x00000000000000000000000000000000000f00d5' as const],
    ['of another contract', async () => (await chain.deployToken('OTHER', 8)).address],
  ])('an address %s is held for its price, not for its state', async (_what, address) => {
    const market = await openMarket({ feed: { ...axgt, address: await address() } })
    const payment = await pay(await newSigner(chain))
    await chain.mine(5)
    for (const _ of [1, 2]) {
      await look(market, payment)
      expect(await held(market, payment)).toEqual(unpriced('the ETH/USD feed does not answer'))
      market.gate.skip(LOOK_AGAIN_MS)
    }
  })

  test('the sequencer down, or up for an hour and no longer: held, and credited at the first block after the hour', async () => {
    const sequencer = await chain.deploy('SequencerFeed', [1n, await chain.timestamp()])
    const market = await openMarket({
      overrides: { [`SEQUENCER_FEED_${chain.chainId}`]: sequencer.address },
    })
    const [one, other] = [await newSigner(chain), await newSigner(chain)]
    const first = await pay(one)
    const upSince = (await chain.timestamp()) + 10n
    const up = chain.call({ contract: sequencer, functionName: 'set', args: [0n, upSince] })
    await nextBlockAt(upSince)
    await chain.mineWith(up)
    await chain.mine(5)
    await chain.increaseTime(3_000)
    await chain.mine()
    await look(market, first)
    expect(await held(market, first)).toEqual(unpriced('the sequencer of the chain is down'))
    await nextBlockAt(upSince + 3_600n)
    const second = await pay(other)
    await nextBlockAt(upSince + 3_601n)
    const healthy = await chain.mine()
    await chain.mineWith(setAnswer(market.feed, usd('4000')))
    await chain.mine(3)
    await look(market, second)
    expect(await held(market, second)).toEqual(
      unpriced('the sequencer of the chain has been up for 3600 seconds only; prices count after 3600'),
    )
    await chain.mine(5)
    await lookAgain(market)
    for (const payment of [first, second]) {
      expect(await market.gate.deposit(payment.hash)).toMatchObject({ state: 'credited', micros: HOUR })
      const { reading } = (await storedQuote(market, payment)).price
      expect(reading?.block).toMatchObject({ number: healthy.number, timestamp: upSince + 3_601n })
      expect(reading?.sequencer).toMatchObject({ answer: 0n, startedAt: upSince })
    }
  })
})

describe('a quote', () => {
  test('at the block of the payment is what is credited, to the micro and to the last word', async () => {
    const market = await openMarket({ feed: await deployFeed(usd('3123.45678901')) })
    const payer = await newSigner(chain, [axgt])
    const value = parseEther('0.001234567890123457')
    const payment = await pay(payer, { value })
    const quoted = await quoteNow(market, { wallet: payer.address, amountBaseUnits: value })
    await chain.mineWith(setAnswer(market.feed, usd('1')))
    await chain.mine(4)
    await look(market, payment)
    if (quoted.kind !== 'quoted') throw new Error(quoted.kind)
    expect(await storedQuote(market, payment)).toEqual(quoted.quote)
    // 0.001234567890123457 × 3123.45678901 USD at 1 USD an hour, less the 10 % of 1000 AXGT, floored by other means.
    expect(quoted.quote.creditMicros).toBe(15_424_477_831n)
    const { micros } = (await market.gate.deposit(payment.hash)) ?? {}
    expect(micros).toBe(quoted.quote.creditMicros)
  })

  test('for at least so many micros names the least amount, and paying it yields them', async () => {
    const market = await openMarket({ feed: await deployFeed(usd('3123.45678901')) })
    const payer = await newSigner(chain, [axgt])
    const atLeastMicros = 7_777_777_777n
    const asked = await quoteNow(market, { wallet: payer.address, atLeastMicros })
    if (asked.kind !== 'quoted') throw new Error(asked.kind)
    const { amountBaseUnits: value, creditMicros } = asked.quote
    expect(creditMicros).toBeGreaterThanOrEqual(atLeastMicros)
    const less = await quoteNow(market, { wallet: payer.address, amountBaseUnits: value - 1n })
    expect(less.kind === 'quoted' && less.quote.creditMicros).toBe(atLeastMicros - 1n)
    const payment = await pay(payer, { value })
    await chain.mine(5)
    await look(market, payment)
    const { micros } = (await market.gate.deposit(payment.hash)) ?? {}
    expect(micros).toBe(creditMicros)
  })
})

describe('what was credited', () => {
  // Without an index the gate finds the other tests' payments on this chain too.
  const books = ({ database }: Market, payer: string) => database.sql<{ row: string }[]>`
    select to_jsonb(c)::text as row from credits.deposit_credit c where c.deposit_id like ${`%-${payer}`}
    union all select to_jsonb(e)::text from credits.ledger_entry e where e.account = ${payer} order by 1`

  test('stays byte for byte, whatever restarts, is looked for again, or is configured otherwise', async () => {
    const market = await openMarket()
    const payer = await newSigner(chain)
    const plain = await pay(payer)
    await chain.mineWith(setAnswer(market.feed, 0n))
    const awaited = await pay(payer)
    await chain.mine(5)
    await look(market, plain, awaited)
    await chain.mineWith(setAnswer(market.feed, usd('2500')))
    await chain.mine(5)
    await lookAgain(market)
    const before = await books(market, payer.address)
    expect(before).toHaveLength(4)

    await chain.mineWith(setAnswer(market.feed, usd('9999')))
    await chain.mineWith(chain.mintToken(axgt, payer.address, parseUnits('100000', 18)))
    await chain.mine(5)
    const { chainId } = chain
    for (const overrides of [{}, { ETH_PRICING: 'fixed', ETH_MINUTES_PER_ETH: '1' }]) {
      const gate = await openGate(market.database, market.feed, { overrides })
      const toBlock = (await chain.head()).number
      const range = { chainId, fromBlock: plain.block.number, toBlock, ether: true }
      expect((await rescan(gate.deps, range)).found).toBeGreaterThanOrEqual(2)
      await look({ ...market, gate }, plain, awaited)
      await lookAgain({ ...market, gate })
      expect(await books(market, payer.address)).toEqual(before)
    }
  })

  test('stays when a reorg moves the payment to a block without a usable price', async () => {
    const market = await openMarket()
    const payer = await newSigner(chain)
    await chain.mineWith(setAnswer(market.feed, 0n))
    await chain.mineWith(setAnswer(market.feed, usd('2000')))
    const payment = await pay(payer)
    await chain.mine(5)
    await look(market, payment)
    const before = await storedQuote(market, payment)
    expect(before.creditMicros).toBe(HOUR)
    // The update of the feed is gone with the blocks.
    await chain.reorg(7, [{ raw: payment.raw, atBlock: 1 }])
    const { blockHash } = await chain.receipt(payment.hash)
    expect(blockHash).not.toBe(payment.block.hash)
    expect(await quoteNow(market, {})).toMatchObject({ why: 'the ETH/USD feed answers 0' })
    await lookAgain(market)
    await lookAgain(market)
    expect(await market.gate.deposit(payment.hash)).toMatchObject({
      state: 'credited',
      attempt: 1,
      micros: HOUR,
      blockHash,
    })
    expect(await storedQuote(market, payment)).toEqual(before)
    expect(await market.gate.ledger(payer.address)).toEqual({
      references: ['deposit 1'],
      balanceMicros: HOUR,
    })
  })

  test('is priced where a reorg left it, when that came before the credit', async () => {
    const market = await openMarket()
    const [payer, feeder] = [await newSigner(chain), await newSigner(chain)]
    const payment = await pay(payer)
    await chain.mine(2)
    await look(market, payment)
    const move = await feeder.call(market.feed, 'setAnswer', [usd('4000')])
    await chain.reorg(3, [
      { raw: move.raw, atBlock: 0 },
      { raw: payment.raw, atBlock: 1 },
    ])
    await chain.mine(5)
    await market.gate.pass()
    await lookAgain(market)
    expect(await market.gate.deposit(payment.hash)).toMatchObject({ state: 'credited', micros: 2n * HOUR })
    const { blockHash } = await chain.receipt(payment.hash)
    expect((await storedQuote(market, payment)).price.reading?.block.hash).toBe(blockHash)
  })
})

describe('the price history', () => {
  const history = ({ database }: Market) => database.sql`
    select block_number as number, block_hash as hash, trim_scale(usd_per_unit)::text as usd, source,
      round_id::int as round from credits.price where rail = ${`eth:${chain.chainId}`} order by id`

  test('holds the price of a credit’s block, one noted where nobody paid, and each for ever', async () => {
    const market = await openMarket()
    await chain.mine(5)
    const { number, hash } = await chain.client.getBlock({ blockNumber: (await chain.head()).number - 5n })
    await market.gate.pass()
    const noted = { number, hash, usd: '2000', source: 'chainlink', round: 1 }
    expect([...(await history(market))]).toEqual([noted])
    await lookAgain(market)
    expect([...(await history(market))]).toEqual([noted])

    await chain.mineWith(setAnswer(market.feed, usd('2345.6')))
    const payer = await newSigner(chain)
    const payments = [await pay(payer), await pay(payer)]
    await chain.mine(5)
    await look(market, ...payments)
    const used = payments.map(({ block }) => ({ ...block, usd: '2345.6', source: 'chainlink', round: 2 }))
    expect([...(await history(market))]).toEqual([noted, ...used])

    await chain.increaseTime(300)
    await chain.mine(6)
    await lookAgain(market)
    expect(await history(market)).toHaveLength(4)
    const { sql } = market.database
    await expect(sql`update credits.price set usd_per_unit = 1`).rejects.toThrow('append-only')
    await expect(sql`delete from credits.price`).rejects.toThrow('append-only')
    await expect(sql`truncate credits.price`).rejects.toThrow('append-only')
  })

  test('has nothing of a block without a usable price, and that is told before anybody has paid', async () => {
    const market = await openMarket({ feed: await deployFeed(-5n) })
    await chain.mine(5)
    await market.gate.pass()
    expect(await history(market)).toHaveLength(0)
    const rail = `eth:${chain.chainId}`
    expect(market.gate.reports).toContainEqual({ kind: 'price', rail, why: 'the ETH/USD feed answers -5' })
    await chain.mineWith(setAnswer(market.feed, usd('2000')))
    await chain.mine(5)
    await lookAgain(market)
    expect(market.gate.reports).toContainEqual({ kind: 'price', rail, why: null })
    expect(await history(market)).toHaveLength(1)
  })
})
