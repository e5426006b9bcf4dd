import { type Address, type Hash, numberToHex, parseAbi, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ChainReader, createChainReader } from '../../billing/chain/chainReader.ts'
import type { OracleSources } from '../../billing/chain/contracts/readOracle.ts'
import { readPool } from '../../billing/chain/contracts/readToken.ts'
import type { Evidence, EvidenceContext } from '../../billing/chain/proof/evidence.ts'
import type { Agreed } from '../../billing/chain/rpc/agree.ts'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import type { OracleReading, PoolReading, PoolWindow } from '../../billing/pricing/oracleReading.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createPool, type TestPool } from '../support/createPool.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'

const TWAP_SECONDS = 1_800
const DAY_SECONDS = 86_400
const NOBODY: Address = '0x00000000000000000000000000000000000000aa'

let chain: TestChain
let proxy: RpcProxy
let feed: TestContract
let usdc: TestToken
let axgt: TestToken
/** A pool that is older than a day and keeps many observations. */
let pool: TestPool

beforeAll(async () => {
  chain = await createChain()
  proxy = await createRpcProxy(chain.rpcUrl)
  feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
  ;({ usdc, axgt } = await chain.deployTokens())
  for (const token of [usdc, axgt]) {
    await chain.mineWith(chain.mintToken(token, chain.accounts.holder, 1_000_000n))
  }
  pool = await createPool(chain, { axgt, cardinality: 100 })
  await pool.passTime(2 * DAY_SECONDS)
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy.stop()
  await chain.stop()
})

function sourcesOf(of: TestPool | null, change: Partial<OracleSources> = {}): OracleSources {
  return {
    ethUsdFeed: feed.address,
    sequencerFeed: null,
    pool: of && {
      address: of.address,
      axgtIsToken0: of.axgtIsToken0,
      axgtDecimals: of.axgt.decimals,
      wethDecimals: of.weth.decimals,
    },
    twapSeconds: TWAP_SECONDS,
    pricesEth: true,
    pricesAxgt: of !== null,
    ...change,
  }
}

function readerOf(oracle: OracleSources | null, urls = [proxy.url], change: Partial<EvidenceContext> = {}) {
  return createChainReader(openEndpoints(urls, { timeoutMs: 2_000 }), {
    chainId: chain.chainId,
    wallet: chain.accounts.revenue,
    tokens: new Map([
      [usdc.address, 'usdc'],
      [axgt.address, 'axgt'],
    ]),
    axgtToken: axgt.address,
    ethDetection: 'traces',
    oracle,
    ...change,
  })
}

function agreedOn<value>(read: Agreed<value> | null): value {
  if (read?.kind !== 'agreed') throw new Error(`not agreed: ${JSON.stringify(read)}`)
  return read.value
}

/** What is read at a block, the newest unless told. */
async function oracleAt(oracle: OracleSources, blockNumber?: bigint): Promise<OracleReading> {
  const at = blockNumber ?? (await chain.head()).number
  return agreedOn(await readerOf(oracle).readOracle(at))
}

type AnsweredPool = Extract<PoolReading, { kind: 'answered' }>

async function poolAt(of: TestPool, blockNumber?: bigint): Promise<AnsweredPool> {
  const { pool: reading } = await oracleAt(sourcesOf(of), blockNumber)
  if (reading?.kind !== 'answered') throw new Error('the pool did not answer')
  return reading
}

async function tickOf(of: TestPool): Promise<bigint> {
  const [, tick] = (await chain.read({ contract: of, functionName: 'slot0' })) as [bigint, number]
  return BigInt(tick)
}

async function liquidityOf(of: TestPool): Promise<bigint> {
  return (await chain.read({ contract: of, functionName: 'liquidity' })) as bigint
}

describe('the price sources at a block', () => {
  it('feed and pool are told as they answer, with the block they answer for', async () => {
    const head = await chain.head()
    const timestamp = await chain.timestamp()
    const reading = await oracleAt(sourcesOf(pool))
    expect(reading).toEqual({
      block: { number: head.number, hash: head.hash, timestamp },
      ethUsd: {
        kind: 'answered',
        feed: feed.address,
        roundId: 1n,
        answer: 2_000n * 10n ** 8n,
        updatedAt: expect.any(BigInt),
        answeredInRound: 1n,
        decimals: 8,
      },
      sequencer: null,
      pool: {
        kind: 'answered',
        pool: pool.address,
        axgtIsToken0: true,
        axgtDecimals: 18,
        wethDecimals: 18,
        fast: expect.anything(),
        slow: expect.anything(),
        cardinality: 100,
      },
    })
    const { fast, slow } = await poolAt(pool)
    await expectConstant(fast, pool, TWAP_SECONDS)
    await expectConstant(slow, pool, DAY_SECONDS)
  })

  it('an older block is read as it was, not as the head is', async () => {
    const before = await chain.head()
    await chain.mineWith(setAnswer(parseUnits('1500', 8)), pool.pushSpot(2n))
    await pool.passTime(600)
    const [old, now] = await Promise.all([
      oracleAt(sourcesOf(pool), before.number),
      oracleAt(sourcesOf(pool)),
    ])
    expect(old.ethUsd).toMatchObject({ roundId: 1n, answer: 2_000n * 10n ** 8n })
    expect(now.ethUsd).toMatchObject({ roundId: 2n, answer: 1_500n * 10n ** 8n })
    expect(old.block.hash).toBe(before.hash)
    expect(fastOf(now).tickCumulativeDelta).toBeGreaterThan(fastOf(old).tickCumulativeDelta)
    await chain.mineWith(setAnswer(parseUnits('2000', 8)), pool.swapToPrice('0.000005'))
    await pool.passTime(2 * DAY_SECONDS)
  })

  it('a feed of a sequencer is read too, where there is one', async () => {
    const sequencer = await chain.deploy('SequencerFeed', [1n, 1_700_000_000n])
    const sequencerFeed = sequencer.address
    expect((await oracleAt(sourcesOf(pool, { sequencerFeed }))).sequencer).toEqual({
      kind: 'answered',
      feed: sequencerFeed,
      answer: 1n,
      startedAt: 1_700_000_000n,
    })
  })

  it('whatever reverts or has no code is silent, and the others are heard', async () => {
    const broken = await chain.deploy('PriceFeed', ['ETH / USD', 8, 1n])
    // A round without a time is none: the feed reverts, "No data present".
    await chain.mineWith(chain.call({ contract: broken, functionName: 'setAnswerAt', args: [1n, 0n] }))
    const sequencer = await chain.deploy('SequencerFeed', [0n, 1n])
    for (const ethUsdFeed of [broken.address, NOBODY, usdc.address]) {
      const reading = await oracleAt(sourcesOf(pool, { ethUsdFeed, sequencerFeed: sequencer.address }))
      expect(reading.ethUsd).toEqual({ kind: 'silent', feed: ethUsdFeed })
      expect([reading.sequencer?.kind, reading.pool?.kind]).toEqual(['answered', 'answered'])
    }
    for (const address of [NOBODY, usdc.address]) {
      const sources = sourcesOf({ ...pool, address }, { sequencerFeed: address })
      const reading = await oracleAt(sources)
      expect(reading.sequencer).toEqual({ kind: 'silent', feed: address })
      expect(reading.pool).toEqual({ kind: 'silent', pool: address })
      expect(reading.ethUsd.kind).toBe('answered')
    }
  })
})

describe('the memory of a pool', () => {
  it('a spot pushed tenfold counts for nothing in its own block, and for one block like one block', async () => {
    const calm = await tickOf(pool)
    const pushed = await chain.mineWith(pool.pushSpot(10n))
    expect((await poolAt(pool, pushed.number)).fast?.tickCumulativeDelta).toBe(calm * BigInt(TWAP_SECONDS))

    const high = await tickOf(pool)
    // ln 10 ÷ ln 1.0001
    expect(Number(high - calm)).toBeCloseTo(23_027, -1)
    await pool.passTime(12)
    const { fast } = await poolAt(pool)
    expect(fast?.tickCumulativeDelta).toBe(calm * BigInt(TWAP_SECONDS - 12) + high * 12n)

    await chain.mineWith(pool.swapToPrice('0.000005'))
    await pool.passTime(2 * DAY_SECONDS)
    expect((await poolAt(pool)).fast?.tickCumulativeDelta).toBe((await tickOf(pool)) * BigInt(TWAP_SECONDS))
  })

  it('a pool younger than a day: the slow window is all of its life', async () => {
    const young = await createPool(chain, { axgt })
    const tick = await tickOf(young)
    const bornAt = await firstObservationOf(young)
    await young.passTime(5_000)
    const ageSeconds = Number((await chain.timestamp()) - bornAt)
    const reading = await poolAt(young)
    await expectConstant(reading.fast, young, TWAP_SECONDS)
    expect(reading.slow).toMatchObject({
      seconds: ageSeconds,
      tickCumulativeDelta: tick * BigInt(ageSeconds),
    })
    expect(reading.cardinality).toBe(1)
  })

  it('a pool whose only observation is overwritten remembers less than the TWAP: no fast window', async () => {
    const forgetful = await createPool(chain, { axgt })
    await forgetful.passTime(2 * DAY_SECONDS)
    expect((await poolAt(forgetful)).slow?.seconds).toBe(DAY_SECONDS)
    await chain.mineWith(forgetful.pushSpot(2n))
    expect(await poolAt(forgetful)).toMatchObject({ fast: null, slow: null, cardinality: 1 })
    await forgetful.passTime(60)
    const minuteLater = await poolAt(forgetful)
    expect([minuteLater.fast, minuteLater.cardinality]).toEqual([null, 1])
    await expectConstant(minuteLater.slow, forgetful, 60)
    await forgetful.passTime(TWAP_SECONDS - 61)
    expect((await poolAt(forgetful)).fast).toBeNull()
    await forgetful.passTime(1)
    await expectConstant((await poolAt(forgetful)).fast, forgetful, TWAP_SECONDS)
  })

  it('a ring of observations that has come round: the slow window begins with the oldest that is left', async () => {
    const ring = await createPool(chain, { axgt, cardinality: 4 })
    const written: { at: bigint; tick: bigint }[] = []
    for (let i = 0; i < 6; i++) {
      await ring.pushSpot({ numerator: 11n, denominator: 10n })
      await ring.passTime(1_000)
      written.push({ at: await chain.timestamp(), tick: await tickOf(ring) })
      if (written.length < 4) continue
      await ring.passTime(100)
      const timestamp = await chain.timestamp()
      const kept = written.slice(-4)
      const sum = kept.reduce(
        (total, { at, tick }, index) => total + tick * ((kept[index + 1]?.at ?? timestamp) - at),
        0n,
      )
      const seconds = Number(timestamp - (kept[0]?.at ?? 0n))
      expect((await poolAt(ring)).slow).toMatchObject({ seconds, tickCumulativeDelta: sum })
    }
  })

  it('a ring that has grown and has not come round: the slow window begins with the first observation', async () => {
    const grown = await createPool(chain, { axgt, cardinality: 50 })
    const bornAt = await firstObservationOf(grown)
    await grown.pushSpot(2n)
    await grown.passTime(1_000)
    await grown.passTime(1_000)
    const { slow, cardinality } = await poolAt(grown)
    expect([slow?.seconds, cardinality]).toEqual([Number((await chain.timestamp()) - bornAt), 50])
  })

  it.each([
    [true, 18],
    [false, 18],
    [true, 6],
    [false, 8],
  ])(
    'AXGT is token0: %s, WETH has %i decimals: the tick is that of the price',
    async (axgtIsToken0, decimals) => {
      const ordered = await createPool(chain, { axgt, axgtIsToken0, wethDecimals: decimals })
      expect(axgt.address < ordered.weth.address).toBe(axgtIsToken0)
      await ordered.passTime(3_000)
      const reading = await poolAt(ordered)
      const meanTick = Number(reading.fast?.tickCumulativeDelta ?? 0n) / TWAP_SECONDS
      const wethPerAxgt = 1.0001 ** (axgtIsToken0 ? meanTick : -meanTick) * 10 ** (18 - decimals)
      expect(wethPerAxgt / 0.000005).toBeCloseTo(1, 3)
      expect(reading).toMatchObject({ axgtIsToken0, axgtDecimals: 18, wethDecimals: decimals })
    },
  )

  it("a pool's clock of 32 bits runs over in 2106: windows are as long as they are, across it and after it", async () => {
    const future = await createChain({ genesisTimestamp: 2 ** 32 - 1_000 })
    try {
      const one = await createPool(future)
      const reader = readerOf(sourcesOf(one, { ethUsdFeed: NOBODY }), [future.rpcUrl])
      const secondsAt = async ({ number }: { number: bigint }) => {
        const { pool: reading } = agreedOn(await reader.readOracle(number))
        return reading?.kind === 'answered' ? [reading.fast?.seconds, reading.slow?.seconds] : []
      }
      expect(await future.timestamp()).toBeLessThan(2n ** 32n)
      expect(await secondsAt(await one.passTime(3_000))).toEqual([TWAP_SECONDS, 3_000])
      // The only observation is now one of after the change.
      await future.mineWith(one.pushSpot(2n))
      expect(await secondsAt(await one.passTime(500))).toEqual([undefined, 500])
    } finally {
      await future.stop()
    }
  })

  it('a pool that nobody has given a price answers with no window', async () => {
    const { pool: reading } = await oracleAt(sourcesOf({ ...pool, address: await emptyPool() }))
    expect(reading).toMatchObject({ kind: 'answered', fast: null, slow: null, cardinality: 0 })
  })
})

describe('what the proof of a block costs', () => {
  const evidenceOf = async (oracle: OracleSources | null, sends: Promise<Hash>[], ether: boolean) => {
    const { number, hash, hashes } = await chain.mineWith(...sends)
    proxy.resetCalls()
    const transactions = hashes.map((txHash) => ({ txHash, ether }))
    const read = await readerOf(oracle).readEvidence({ block: { number, hash }, transactions, state: true })
    return { evidence: canonical(agreedOn(read)), calls: proxy.calls.get('eth_call') ?? 0 }
  }
  const payEth = () => chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.001') })
  const payToken = (token: TestToken) =>
    chain.transferToken({ token, from: chain.accounts.holder, amount: 1_000n })

  it('ETH at a market price: balances and feed in one eth_call, and the pool is not asked', async () => {
    const { evidence, calls } = await evidenceOf(sourcesOf(pool), [payEth()], true)
    expect(calls).toBe(1)
    expect(evidence.axgtBalances).toEqual([{ holder: chain.accounts.buyer, balance: 0n }])
    expect(evidence.oracle).toMatchObject({ ethUsd: { kind: 'answered' }, pool: null })
    expect(evidence.oracle?.block.timestamp).toBe(evidence.timestamp)
  })

  it('AXGT, USDC and ETH in one block: one eth_call for the block, one for that before it', async () => {
    const sends = [payToken(usdc), payEth(), payToken(axgt)]
    const { evidence, calls } = await evidenceOf(sourcesOf(pool), sends, true)
    expect(evidence.transactions.flatMap(({ transfers }) => transfers)).toHaveLength(3)
    expect(evidence.oracle?.pool?.kind).toBe('answered')
    expect(calls).toBe(2)
  })

  it('AXGT at the price of the pool: one eth_call for the block, one for that before it', async () => {
    const { evidence, calls } = await evidenceOf(sourcesOf(pool), [payToken(axgt)], false)
    expect(calls).toBe(2)
    expect(evidence.shortfalls).toEqual([])
    expect(evidence.oracle?.pool).toMatchObject({ kind: 'answered', fast: { seconds: TWAP_SECONDS } })
  })

  it('nothing is asked of the sources where nothing is priced by them', async () => {
    const forUsdc = await evidenceOf(sourcesOf(pool), [payToken(usdc)], false)
    expect([forUsdc.evidence.oracle, forUsdc.calls]).toEqual([null, 2])
    const fixed = await evidenceOf(null, [payEth()], true)
    expect([fixed.evidence.oracle, fixed.calls]).toEqual([null, 1])
    const fixedEth = await evidenceOf(sourcesOf(pool, { pricesEth: false }), [payEth()], true)
    expect(fixedEth.evidence.oracle).toBeNull()
    const fixedAxgt = await evidenceOf(sourcesOf(null), [payToken(axgt)], false)
    expect(fixedAxgt.evidence.oracle).toBeNull()
  })

  it('to see what was paid, no state is asked for', async () => {
    const { number, hash, hashes } = await chain.mineWith(payEth())
    proxy.resetCalls()
    const read = await readerOf(sourcesOf(pool)).readEvidence({
      block: { number, hash },
      transactions: [{ txHash: hashes[0], ether: true }],
      state: false,
    })
    expect(canonical(agreedOn(read))).toMatchObject({ axgtBalances: [], oracle: null })
    expect(proxy.calls.get('eth_call') ?? 0).toBe(0)
  })

  it('the AXGT of 160 wallets in two eth_calls, each its own', async () => {
    const holders = Array.from({ length: 160 }, () => privateKeyToAddress(generatePrivateKey()))
    await chain.mineWith(...holders.map((holder, index) => chain.mintToken(axgt, holder, BigInt(index))))
    const { number } = await chain.head()
    proxy.resetCalls()
    const balances = agreedOn(await readerOf(null).readAxgtBalances(holders, number))
    expect(balances).toEqual(holders.map((_holder, index) => BigInt(index)))
    expect(proxy.calls.get('eth_call')).toBe(2)
    expect(agreedOn(await readerOf(null).readAxgtBalances(holders, number - 1n)).at(-1)).toBe(0n)
  })
})

describe('a node that fails is never taken for a source that is silent', () => {
  const ask = (reader: ChainReader, number: bigint) => [
    reader.readOracle(number),
    reader.readAxgtBalances([chain.accounts.buyer], number),
  ]

  it.each([
    [-32_000, 'missing trie node 0ab1 (path ) state 0x1 is not available'],
    [4_444, 'pruned history unavailable'],
    // viem takes these two codes for a contract that reverts.
    [-32_603, 'historical state 0x1 is not available'],
    [3, 'missing trie node 0ab1 (path )'],
  ])('without the state (%i %s) → state_unavailable, with its name', async (code, message) => {
    proxy.failWith('eth_call', { code, message })
    const { number } = await chain.head()
    const detail = `rpc 1 (${new URL(proxy.url).host}) no longer has the state of that block`
    for (const read of await Promise.all(ask(readerOf(sourcesOf(pool)), number))) {
      expect(read).toEqual({ kind: 'state_unavailable', detail })
    }
  })

  it('without the state, the proof of a block is state_unavailable too', async () => {
    const { number, hash, hashes } = await chain.mineWith(
      chain.transferEth({ from: chain.accounts.buyer, value: 1n }),
    )
    proxy.failWith('eth_call', { code: -32_000, message: 'missing trie node' })
    const read = await readerOf(sourcesOf(pool)).readEvidence({
      block: { number, hash },
      transactions: [{ txHash: hashes[0], ether: true }],
      state: true,
    })
    expect(read).toMatchObject({ kind: 'state_unavailable', detail: expect.stringContaining('rpc 1 (') })
  })

  it.each<[string, () => void]>([
    ['an error of the node', () => proxy.failWith('eth_call', { code: -32_603, message: 'internal error' })],
    [
      'a call that reverts as a whole',
      () => proxy.failWith('eth_call', { code: 3, message: 'execution reverted' }),
    ],
    [
      'a call that runs out of gas',
      () => proxy.failWith('eth_call', { code: -32_000, message: 'out of gas' }),
    ],
    ['nothing', () => proxy.lie('eth_call', () => '0x')],
    ['null', () => proxy.lie('eth_call', () => null)],
    ['bytes that are no answer', () => proxy.lie('eth_call', () => `0x${'ff'.repeat(64)}`)],
    // An empty list: nothing was run.
    ['too few answers', () => proxy.lie('eth_call', () => `0x${'20'.padStart(64, '0')}${'0'.repeat(64)}`)],
    ['HTML', () => proxy.htmlWith200('eth_call')],
    ['another chain', () => proxy.wrongChainId(5)],
  ])('%s → unavailable', async (_name, spoil) => {
    spoil()
    const { number } = await chain.head()
    for (const read of await Promise.all(ask(readerOf(sourcesOf(pool)), number))) {
      expect(read?.kind).toBe('unavailable')
    }
  })

  it('a token that does not answer is not a balance of 0', async () => {
    const { number } = await chain.head()
    const reader = readerOf(null, [proxy.url], { axgtToken: NOBODY })
    expect(await reader.readAxgtBalances([chain.accounts.buyer], number)).toEqual({
      kind: 'state_unavailable',
      detail: expect.stringContaining(`has no answer of the token ${NOBODY} at that block`),
    })
  })

  it('a block that changes while it is read, or is not there → behind', async () => {
    const { number } = await chain.head()
    const reader = readerOf(sourcesOf(pool))
    expect(await reader.readOracle(number + 1n)).toEqual({ kind: 'behind' })
    let asked = 0
    proxy.lie('eth_getBlockByNumber', (result, params) =>
      params[0] === numberToHex(number) && ++asked === 2
        ? { ...(result as object), hash: `0x${'ab'.repeat(32)}` }
        : result,
    )
    expect(await reader.readOracle(number)).toEqual({ kind: 'behind' })
    expect(asked).toBe(2)
  })

  it('two RPCs of which one lies about the price → disagreement', async () => {
    proxy.lie('eth_call', (result) => {
      const answer = (2_000n * 10n ** 8n).toString(16).padStart(64, '0')
      return String(result).replace(answer, (3_000n * 10n ** 8n).toString(16).padStart(64, '0'))
    })
    const { number } = await chain.head()
    const reader = readerOf(sourcesOf(pool), [chain.rpcUrl, proxy.url])
    expect((await reader.readOracle(number))?.kind).toBe('disagreement')
    await proxy.heal()
    expect((await reader.readOracle(number))?.kind).toBe('agreed')
  })
})

it('where nothing is priced by the chain, or it has no AXGT, there is nothing to read', async () => {
  const reader = readerOf(null, [proxy.url], { axgtToken: null })
  proxy.resetCalls()
  expect(await reader.readOracle(1n)).toBeNull()
  expect(await reader.readAxgtBalances([NOBODY], 1n)).toBeNull()
  expect(proxy.totalCalls()).toBe(0)
})

describe('what a configured pool turns out to be', () => {
  const read = (address: Address) => readPool(openEndpoints([proxy.url]), chain.chainId, address)

  it('a pool: its tokens, in its order', async () => {
    const { address, weth } = pool
    const value = { token0: axgt.address, token1: weth.address }
    expect(await read(address)).toEqual({ kind: 'agreed', value })
  })

  it('a token, an account without code, a pool without a price: none', async () => {
    for (const address of [usdc.address, NOBODY, await emptyPool()]) {
      expect(await read(address)).toEqual({ kind: 'agreed', value: null })
    }
  })

  it('an RPC that fails says nothing about it', async () => {
    proxy.failWith('eth_call', { code: -32_000, message: 'overloaded' })
    expect((await read(pool.address)).kind).toBe('unavailable')
  })
})

function setAnswer(answer: bigint): Promise<Hash> {
  return chain.call({ contract: feed, functionName: 'setAnswer', args: [answer] })
}

/** Expects what a pool's oracle grows by at the pool's tick and liquidity, which have not changed in that time. */
async function expectConstant(window: PoolWindow | null, of: TestPool, seconds: number): Promise<void> {
  expect(window).toMatchObject({ seconds, tickCumulativeDelta: (await tickOf(of)) * BigInt(seconds) })
  const exact = (BigInt(seconds) << 128n) / (await liquidityOf(of))
  // The pool rounds both ends of the window down.
  const difference = (window?.secondsPerLiquidityDeltaX128 ?? 0n) - exact
  expect([0n, 1n, -1n]).toContain(difference)
}

function fastOf({ pool: reading }: OracleReading) {
  if (reading?.kind !== 'answered' || reading.fast === null) throw new Error('no fast window')
  return reading.fast
}

function canonical(evidence: Evidence): Extract<Evidence, { canonical: true }> {
  if (!evidence.canonical) throw new Error('the block is not canonical')
  return evidence
}

async function firstObservationOf(of: TestPool): Promise<bigint> {
  const [at] = (await chain.read({ contract: of, functionName: 'observations', args: [0n] })) as [number]
  return BigInt(at)
}

/** A pool of another fee, created and not initialized. */
async function emptyPool(): Promise<Address> {
  const address = (await chain.read({ contract: pool, functionName: 'factory' })) as Address
  const factory = { address, abi: factoryAbi }
  const args = [axgt.address, pool.weth.address, 500]
  const call = { contract: factory, functionName: 'createPool', args }
  // The second time it is there already, and the creation reverts.
  await chain.mineWith(chain.call(call))
  return (await chain.read({ contract: factory, functionName: 'getPool', args })) as Address
}

const factoryAbi = parseAbi([
  'function createPool(address, address, uint24) returns (address)',
  'function getPool(address, address, uint24) view returns (address)',
])
