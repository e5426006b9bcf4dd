import {
  type Address,
  decodeDeployData,
  decodeFunctionData,
  deploylessCallViaBytecodeBytecode,
  type Hash,
  type Hex,
  hexToBigInt,
  multicall3Abi,
  parseAbi,
  parseEther,
  parseUnits,
  toFunctionSelector,
} from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runPass } from '../../billing/gate/runPass.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createPool, type TestPool } from '../support/createPool.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// What a deposit costs at market prices, and what it would without batching: each eth_call is taken apart into the
// questions it holds. The gate passes when the test says so and by a clock that stands still, so nothing is counted but
// what the crediting pass asks for; submitting the payment came before.

const DAY_SECONDS = 86_400
const CONFIRMATIONS = 6

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let usdc: TestToken
let axgt: TestToken
/** On a pool that remembers more than a day. */
let gate: BudgetGate
/** On one that remembers more than six hours, and less than a day. */
let gateOnYoungPool: BudgetGate

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  proxy = await createRpcProxy(chain.rpcUrl)
  proxy.lie('eth_call', (result, params) => {
    ethCalls.push(params)
    return result
  })
  proxy.lie('eth_getBlockByNumber', (result, [, withTransactions]) => {
    if (withTransactions === true) wholeBlocks += 1
    return result
  })
  ;({ usdc, axgt } = await chain.deployTokens())
  const pool = await createPool(chain, { axgt, cardinality: 10 })
  await pool.passTime(2 * DAY_SECONDS)
  const youngPool = await createPool(chain, { axgt, cardinality: 10 })
  await youngPool.passTime(7 * 3_600)
  const feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
  for (const token of [usdc, axgt]) {
    await chain.mineWith(chain.mintToken(token, chain.accounts.holder, parseUnits('1000000', token.decimals)))
  }
  await chain.mine(CONFIRMATIONS)
  gate = await openGateOn(pool, feed)
  gateOnYoungPool = await openGateOn(youngPool, feed)
})
afterAll(async () => {
  const differences = await gate?.scene.differences()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
  expect(differences ?? []).toEqual([])
})

interface BudgetGate {
  scene: GateScene
  /** One pass by a clock that moves by `skip` only. */
  pass(): Promise<void>
  skip(milliseconds: number): void
}

/** A gate that has looked at its prices: it does so again when its clock has moved. */
async function openGateOn(pool: TestPool, feed: TestContract): Promise<BudgetGate> {
  const { chainId } = chain
  const scene = await startGateScene({
    chain,
    database,
    rpcUrls: proxy.url,
    tokens: { usdc, axgt },
    overrides: {
      CONFIRMATIONS: String(CONFIRMATIONS),
      ETH_PRICING: 'chainlink',
      [`ETH_USD_FEED_${chainId}`]: feed.address,
      AXGT_PRICING: 'twap',
      [`AXGT_POOL_${chainId}`]: pool.address,
    },
  })
  let nowMs = Date.now()
  const deps = { ...scene.deps, clock: () => new Date(nowMs) }
  const opened: BudgetGate = {
    scene,
    pass: async () => expect(await runPass(deps, scene.gateChain, chain.accounts.revenue)).toBe(true),
    skip(milliseconds) {
      nowMs += milliseconds
    },
  }
  await opened.pass()
  const noted = await database.sql<{ rail: string }[]>`
    select distinct rail from credits.price where source <> 'fixed' order by rail`
  expect(noted.map(({ rail }) => rail)).toEqual([`axgt:${chainId}`, `eth:${chainId}`])
  return opened
}

/** One eth_call: the block whose state it asks for, and the functions it calls, in order. */
interface StateRead {
  block: bigint
  functions: string[]
}

/** The parameters of each since this was emptied; those of the start are no multicalls. */
const ethCalls: unknown[][] = []
/** How many blocks were asked for with their transactions, since this was set to 0; a header is asked for without. */
let wholeBlocks = 0

const FUNCTIONS = new Map(
  [
    'balanceOf(address)',
    'latestRoundData()',
    'decimals()',
    'slot0()',
    'observe(uint32[])',
    'observations(uint256)',
  ].map((signature) => [toFunctionSelector(`function ${signature}`), signature.replace(/\(.*/, '')]),
)

/** Undoes what viem's deployless multicall does: initcode that runs multicall's code with the calls. */
function stateReadOf(params: unknown[]): StateRead {
  const [{ data }, block] = params as [{ data: Hex }, Hex]
  const deployed = decodeDeployData({
    abi: parseAbi(['constructor(bytes code, bytes data)']),
    bytecode: deploylessCallViaBytecodeBytecode,
    data,
  })
  const [, calldata] = deployed.args as [Hex, Hex]
  const { args } = decodeFunctionData({ abi: multicall3Abi, data: calldata })
  const [calls] = args as readonly [readonly { callData: Hex }[]]
  const functions = calls.map(({ callData }) => FUNCTIONS.get(callData.slice(0, 10) as Hex) ?? callData)
  return { block: hexToBigInt(block), functions }
}

/** Of a price of the feed, and of the pool. */
const FEED = ['latestRoundData', 'decimals']
const POOL = ['slot0', 'observe', 'observe']

/** What proofs are made of. Heads, chain ids and headers are asked for at every pass, whatever there is to prove. */
const PROOFS = [
  'eth_getTransactionReceipt',
  'eth_getBlockReceipts',
  'eth_getTransactionByHash',
  'debug_traceTransaction',
  'debug_traceBlockByHash',
  'eth_call',
] as const

/**
 * Mines the payments in one block and submits them, and counts what the pass asks for that credits them: requests by
 * method, and what the eth_calls held, by how far below the payments' block they asked.
 */
async function costOf(sends: Promise<Hash>[], { scene, pass }: BudgetGate = gate) {
  const { number, hashes } = await chain.mineWith(...sends)
  for (const hash of hashes) await scene.submit(hash)
  await chain.mine(CONFIRMATIONS - 1)
  ethCalls.length = 0
  wholeBlocks = 0
  proxy.resetCalls()
  await pass()
  const requests = Object.fromEntries(
    PROOFS.flatMap((name) => (proxy.calls.has(name) ? [[name, proxy.calls.get(name)]] : [])),
  )
  if (wholeBlocks > 0) requests.eth_getBlockByNumber = wholeBlocks
  const held = ethCalls
    .map(stateReadOf)
    .map(({ block, functions }) => ({ below: Number(number - block), functions: [...functions].sort() }))
    .sort((a, b) => a.below - b.below || b.functions.length - a.functions.length)
  for (const hash of hashes) expect(await scene.deposit(hash)).toMatchObject({ state: 'credited' })
  return {
    requests,
    held,
    questions: held.reduce((sum, { functions }) => sum + functions.length, 0),
  }
}

function balances(count: number): string[] {
  return Array.from({ length: count }, () => 'balanceOf')
}

const payEther = (from: Address = chain.accounts.buyer) =>
  chain.transferEth({ from, value: parseEther('0.001') })
const payUsdc = () =>
  chain.transferToken({ token: usdc, from: chain.accounts.holder, amount: parseUnits('1', 6) })
const payAxgt = () =>
  chain.transferToken({ token: axgt, from: chain.accounts.holder, amount: parseUnits('100', 18) })

const sorted = (functions: string[]) => [...functions].sort()

describe('what one deposit costs at market prices', () => {
  it('ETH from a wallet: its AXGT and the feed in one eth_call', async () => {
    const cost = await costOf([payEther()])
    expect(cost.requests).toEqual({
      eth_getTransactionReceipt: 1,
      eth_getTransactionByHash: 1,
      eth_call: 1,
    })
    expect(cost.held).toEqual([{ below: 0, functions: sorted([...balances(1), ...FEED]) }])
    expect(cost.questions).toBe(3)
  })

  it('ETH by a contract: the same, with a trace', async () => {
    const contract = await chain.deploy('MultiPayer')
    const value = parseEther('0.001')
    const args = [chain.accounts.revenue, [value]]
    const cost = await costOf([chain.call({ contract, functionName: 'payEth', args, value })])
    expect(cost.requests).toEqual({ eth_getTransactionReceipt: 1, debug_traceTransaction: 1, eth_call: 1 })
    expect(cost.held).toEqual([{ below: 0, functions: sorted([...balances(1), ...FEED]) }])
    expect(cost.questions).toBe(3)
  })

  it('USDC, whose price is fixed: what the wallet gained, and no price', async () => {
    const cost = await costOf([payUsdc()])
    expect(cost.requests).toEqual({ eth_getTransactionReceipt: 1, eth_call: 2 })
    expect(cost.held).toEqual([
      { below: 0, functions: balances(1) },
      { below: 1, functions: balances(1) },
    ])
    expect(cost.questions).toBe(2)
  })

  it('AXGT: what the wallet gained, feed and pool in one eth_call for the block and one for that before it', async () => {
    const cost = await costOf([payAxgt()])
    expect(cost.requests).toEqual({ eth_getTransactionReceipt: 1, eth_call: 2 })
    expect(cost.held).toEqual([
      { below: 0, functions: sorted([...balances(1), ...FEED, ...POOL]) },
      { below: 1, functions: balances(1) },
    ])
    expect(cost.questions).toBe(7)
  })

  it('AXGT whose pool remembers less than a day: one more, for its oldest observation', async () => {
    const cost = await costOf([payAxgt()], gateOnYoungPool)
    expect(cost.requests).toEqual({ eth_getTransactionReceipt: 1, eth_call: 3 })
    expect(cost.held).toEqual([
      { below: 0, functions: sorted([...balances(1), ...FEED, ...POOL]) },
      { below: 0, functions: ['observations', 'observations'] },
      { below: 1, functions: balances(1) },
    ])
    expect(cost.questions).toBe(9)
  })
})

describe('what many deposits in one block cost', () => {
  it('twenty in AXGT: the state as for one', async () => {
    const cost = await costOf(Array.from({ length: 20 }, payAxgt))
    expect(cost.requests).toEqual({ eth_getBlockReceipts: 1, eth_call: 2 })
    expect(cost.questions).toBe(7)
  })

  it('twenty in ETH from as many wallets: one eth_call for all their AXGT and the feed', async () => {
    const payers = Array.from(
      { length: 20 },
      () => privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address,
    )
    for (const address of payers) {
      await chain.client.setBalance({ address, value: parseEther('1') })
      await chain.client.impersonateAccount({ address })
    }
    const cost = await costOf(payers.map((payer) => payEther(payer)))
    expect(cost.requests).toEqual({ eth_getBlockReceipts: 1, eth_getBlockByNumber: 1, eth_call: 1 })
    expect(cost.held).toEqual([{ below: 0, functions: sorted([...balances(20), ...FEED]) }])
    expect(cost.questions).toBe(22)
  })

  it('one of each: no more than AXGT alone', async () => {
    const cost = await costOf([payEther(), payUsdc(), payAxgt()])
    expect(cost.requests).toEqual({
      eth_getTransactionReceipt: 3,
      eth_getTransactionByHash: 1,
      eth_call: 2,
    })
    expect(cost.held).toEqual([
      { below: 0, functions: sorted([...balances(3), ...FEED, ...POOL]) },
      { below: 1, functions: balances(2) },
    ])
  })
})

describe('what the price history costs', () => {
  const callsOfAPass = async () => {
    ethCalls.length = 0
    await gate.pass()
    return ethCalls.map(stateReadOf).map(({ functions }) => sorted(functions))
  }

  it('one read of feed and pool each five minutes of the chain, and nothing in between', async () => {
    gate.skip(60_000)
    expect(await callsOfAPass()).toEqual([])

    await chain.increaseTime(300)
    await chain.mine(CONFIRMATIONS)
    // It is looked at each minute by the gate's own clock, which has not moved.
    expect(await callsOfAPass()).toEqual([])
    gate.skip(60_000)
    expect(await callsOfAPass()).toEqual([sorted([...FEED, ...POOL])])

    gate.skip(60_000)
    await chain.mine()
    expect(await callsOfAPass()).toEqual([])
  })
})
