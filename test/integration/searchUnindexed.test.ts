import { type Hash, parseEther, parseUnits } from 'viem'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// A stuck indexer delays nothing: the gate looks for itself, pass by pass, on a real chain. The index is a table that the
// test writes, and shows nothing.

const ETHER = parseEther('0.0005')
const DOLLAR = parseUnits('1', 6)
/** Longer than an index may be behind before the gate looks for itself. */
const PATIENCE_MS = 11_000

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let usdc: TestToken
let contract: TestContract
let gate: GateScene

beforeEach(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  usdc = (await chain.deployTokens()).usdc
  contract = await chain.deploy('MultiPayer')
  await chain.mineWith(chain.mintToken(usdc, chain.accounts.buyer, 100n * DOLLAR))
  proxy = await createRpcProxy(chain.rpcUrl)
  gate = await open()
}, 400_000)
afterEach(async () => {
  const differences = await gate?.differences()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
  expect(differences).toEqual([])
})

const open = (overrides: Record<string, string> = {}) =>
  startGateScene({ chain, database, rpcUrls: proxy.url, tokens: { usdc }, overrides })

/** The index stands at this block, of a second ago. */
async function indexTo(number: bigint): Promise<void> {
  const { sql } = database
  const checkpoint = `${'1'.padStart(10, '0')}${String(chain.chainId).padStart(16, '0')}${String(number).padStart(16, '0')}`
  await sql`create schema if not exists indexer`
  await sql`create table if not exists indexer._ponder_checkpoint (chain_id bigint primary key, latest_checkpoint text)`
  await sql`
    insert into indexer._ponder_checkpoint values (${chain.chainId}, ${checkpoint})
    on conflict (chain_id) do update set latest_checkpoint = excluded.latest_checkpoint`
}

const payEther = () => chain.transferEth({ from: chain.accounts.other, value: ETHER })
const payUsdc = () => chain.transferToken({ token: usdc, from: chain.accounts.buyer, amount: DOLLAR })
const payByContract = () => {
  const args = [chain.accounts.revenue, [ETHER]]
  return chain.call({ contract, functionName: 'payEth', args, value: ETHER, gas: 200_000n })
}

/** Two passes: one learns that the index is behind, the other that it has been for long. */
async function passAndSearch(): Promise<void> {
  await gate.pass()
  gate.skip(PATIENCE_MS)
  await gate.pass()
}

async function statesOf(hashes: Hash[]): Promise<(string | undefined)[]> {
  const rows = await Promise.all(hashes.map((hash) => gate.deposit(hash)))
  return rows.map((row) => row?.state)
}

async function seenByOf(hash: Hash): Promise<string | undefined> {
  const [row] = await database.sql<{ seenBy: string }[]>`
    select seen_by as "seenBy" from credits.deposit where tx_hash = ${hash}`
  return row?.seenBy
}

/** What a search asks for, and passes do not. */
const SEARCHES = ['eth_getLogs', 'debug_traceBlockByHash', 'debug_traceTransaction', 'eth_getBlockReceipts']
const searches = () => SEARCHES.reduce((sum, method) => sum + (proxy.calls.get(method) ?? 0), 0)

describe('an index that stands still', () => {
  beforeEach(async () => indexTo((await chain.head()).number))

  test('tokens, plain payments and internal ones are seen, each by how it was seen, and credited', async () => {
    const { hashes } = await chain.mineWith(payUsdc(), payEther(), payByContract())
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual(['pending', 'pending', 'pending'])
    const seenBy = await Promise.all(hashes.map((hash) => seenByOf(hash)))
    // Both searches show the plain payment in full: whichever was first.
    expect(seenBy).toEqual(['logs', expect.stringMatching(/^(transactions|traces)$/), 'traces'])
    await chain.mine(5)
    await gate.pass()
    expect(await statesOf(hashes)).toEqual(['credited', 'credited', 'credited'])
  })

  test('the payment in the very block on which it stands is found: that block may never have been', async () => {
    const { hashes, number } = await chain.mineWith(payEther())
    await indexTo(number)
    await chain.mine()
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual(['pending'])
  })

  test('a reorg while it searches: what moved, and what is new in replaced blocks, is found', async () => {
    const { hashes } = await chain.mineWith(payEther())
    await chain.mine(2)
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual(['pending'])
    const moved = await chain.rawTransaction(hashes[0])
    const late = await payByContract()
    const lateRaw = await chain.rawTransaction(late).catch(() => null)
    await chain.reorg(3, [{ raw: moved, atBlock: 1 }])
    if (lateRaw !== null) await chain.resend(lateRaw).catch(() => {})
    const { number } = await chain.mine()
    expect((await chain.receipt(late)).blockNumber).toBeLessThanOrEqual(number)
    await gate.pass()
    await chain.mine(5)
    await gate.pass()
    await gate.pass()
    expect(await statesOf([...hashes, late])).toEqual(['credited', 'credited'])
  })

  test('a replaced block below the searched head is searched again', async () => {
    await chain.mine(3)
    await passAndSearch()
    const nonce = await chain.client.getTransactionCount({ address: chain.accounts.other })
    const hash = await payEther()
    const raw = await chain.rawTransaction(hash)
    await chain.reorg(3, [{ raw, atBlock: 0 }])
    expect(await chain.client.getTransactionCount({ address: chain.accounts.other })).toBe(nonce + 1)
    await gate.pass()
    expect(await statesOf([hash])).toEqual(['pending'])
  })

  test('a restart goes on, and misses nothing made meanwhile', async () => {
    await chain.mineWith(payEther())
    await passAndSearch()
    const { hashes } = await chain.mineWith(payUsdc(), payByContract())
    await chain.mine(80)
    gate = await open()
    await passAndSearch()
    await gate.pass()
    // They are deep enough by now.
    expect(await statesOf(hashes)).toEqual(['credited', 'credited'])
  })

  test('it keeps up, a block behind now and then → not one request', async () => {
    proxy.resetCalls()
    for (let block = 0; block < 4; block++) {
      await chain.mineWith(payEther())
      await gate.pass()
      gate.skip(PATIENCE_MS - 5_000)
      await indexTo((await chain.head()).number)
      await gate.pass()
      gate.skip(PATIENCE_MS)
    }
    // A slow chain: its head stays, and the index has it.
    for (let pass = 0; pass < 3; pass++) {
      gate.skip(PATIENCE_MS)
      await gate.pass()
    }
    expect(searches()).toBe(0)
    expect(await database.sql`select 1 from credits.deposit`).toHaveLength(0)
  })

  test('catching up in jumps, it is not searched for; standing again, it is', async () => {
    await chain.mine(30)
    await gate.pass()
    gate.skip(PATIENCE_MS)
    await indexTo((await chain.head()).number - 1n)
    await chain.mine()
    proxy.resetCalls()
    // It has not reached what was the head, so it is behind.
    await gate.pass()
    expect(searches()).toBeGreaterThan(0)
    await indexTo((await chain.head()).number)
    await gate.pass()
    proxy.resetCalls()
    await chain.mine()
    await gate.pass()
    expect(searches()).toBe(0)
    const { hashes } = await chain.mineWith(payEther())
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual(['pending'])
  })

  test('logs fail → the pass goes on, the job is told by name, and works again when they are back', async () => {
    const { hashes } = await chain.mineWith(payEther())
    await gate.submit(hashes[0])
    await chain.mine(5)
    proxy.failWith('eth_getLogs', { code: -32_000, message: 'no logs today' })
    const { hashes: token } = await chain.mineWith(payUsdc())
    await passAndSearch()
    expect(await statesOf([...hashes, ...token])).toEqual(['credited', undefined])
    const problem = async () =>
      (await database.sql`select job_problem, problem from credits.chain_status`).map((row) => ({
        ...row,
      }))[0]
    expect(await problem()).toEqual({
      job_problem: 'the search of blocks that are not indexed failed',
      problem: null,
    })
    await proxy.heal()
    await gate.pass()
    expect(await statesOf(token)).toEqual(['pending'])
    expect(await problem()).toEqual({ job_problem: null, problem: null })
  })

  test('traces are away → tokens and plain payments do not wait for them; internal ones come with them', async () => {
    for (const method of ['debug_traceBlockByHash', 'debug_traceBlockByNumber', 'debug_traceTransaction']) {
      proxy.failWith(method, { code: -32_000, message: 'temporarily disabled' })
    }
    const { hashes } = await chain.mineWith(payUsdc(), payEther(), payByContract())
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual(['pending', 'pending', undefined])
    expect(await database.sql`select 1 from credits.untraced_transaction`).toHaveLength(0)
    await chain.mine(5)
    await gate.pass()
    expect(await statesOf(hashes)).toEqual(['credited', 'credited', undefined])
    await proxy.heal()
    await gate.pass()
    await gate.pass()
    expect(await statesOf(hashes)).toEqual(['credited', 'credited', 'credited'])
  })

  test('an RPC that does not have the newest block has not searched it', async () => {
    const { hashes } = await chain.mineWith(payUsdc(), payEther())
    await gate.pass()
    gate.skip(PATIENCE_MS)
    // The head is read, and then another of the provider's machines answers.
    const at = `0x${(await chain.head()).number.toString(16)}`
    proxy.lie('eth_getBlockByNumber', (result, [tag]) => (tag === at ? null : result))
    proxy.lie('eth_getLogs', () => [])
    await gate.pass()
    await proxy.heal()
    await gate.pass()
    expect(await statesOf(hashes)).toEqual(['pending', 'pending'])
  })

  test('a plain payment that failed is nothing, also where it cannot be traced', async () => {
    proxy.lie('debug_traceBlockByHash', () => [])
    proxy.lie('debug_traceTransaction', () => null)
    proxy.lie('eth_getTransactionReceipt', (result) => ({ ...(result as object), status: '0x0' }))
    const { hashes } = await chain.mineWith(payEther())
    await passAndSearch()
    expect(await statesOf(hashes)).toEqual([undefined])
  })
})

test('no index yet (its first backfill, a first start): payments made meanwhile are seen', async () => {
  const { hashes } = await chain.mineWith(payUsdc(), payEther(), payByContract())
  await passAndSearch()
  expect(await statesOf(hashes)).toEqual(['pending', 'pending', 'pending'])
})

test('a chain without a rail for ETH is searched for tokens alone', async () => {
  await indexTo((await chain.head()).number)
  gate = await open({ RAILS: `usdc:${chain.chainId}` })
  const { hashes } = await chain.mineWith(payUsdc(), payEther(), payByContract())
  proxy.resetCalls()
  await passAndSearch()
  expect(await statesOf(hashes)).toEqual(['pending', undefined, undefined])
  expect(proxy.calls.get('debug_traceBlockByHash') ?? 0).toBe(0)
})

test('where ETH is seen by transactions, plain payments are found and nothing is traced', async () => {
  await indexTo((await chain.head()).number)
  gate = await open({ ETH_DETECTION: 'transactions' })
  const { hashes } = await chain.mineWith(payUsdc(), payEther(), payByContract())
  proxy.resetCalls()
  await passAndSearch()
  expect(await statesOf(hashes)).toEqual(['pending', 'pending', undefined])
  expect([...proxy.calls.keys()].filter((method) => method.startsWith('debug_'))).toEqual([])
})
