import { type Address, type Hash, parseEther } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { startIndexer, type TestIndexer } from '../support/startIndexer.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitForPass } from '../support/waitForPass.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 14: what a deposit costs in RPC calls. The indexer asks the chain directly and only the worker goes through the
// proxy, so what the proxy counts is the gate's.

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let indexer: TestIndexer
let worker: Service
let usdc: TestToken
let wallet: Address

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  const tokens = await chain.deployTokens()
  usdc = tokens.usdc
  wallet = chain.accounts.revenue
  proxy = await createRpcProxy(chain.rpcUrl)
  const parts = { chains: [chain] as [TestChain], tokens: { [chain.chainId]: tokens } }
  indexer = await startIndexer(database, parts)
  const rpcUrls = { [chain.chainId]: proxy.url }
  const settings = await baseSettings({ ...parts, databaseUrl: database.url, rpcUrls })
  worker = await startService(settings, { args: ['--role', 'worker'], readyWithinMs: null })
  await waitForPass({ chain, database }, undefined, 90_000)
})
afterAll(async () => {
  await worker?.stop()
  await indexer?.stop()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
})

/** What proofs are made of. Heads, chain ids and block hashes are asked for at every pass, whatever there is to prove. */
const PROOFS = [
  'eth_getTransactionReceipt',
  'eth_getBlockReceipts',
  'eth_getTransactionByHash',
  'debug_traceTransaction',
  'debug_traceBlockByHash',
  'eth_call',
] as const

/** Mines the payments in one block, waits until the gate has credited all, and counts what it asked for meanwhile. */
async function costOf(...sends: Promise<Hash>[]) {
  await waitForPass({ chain, database })
  proxy.resetCalls()
  const { hashes } = await chain.mineWith(...sends)
  await chain.mine(5)
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ credited: number }[]>`
        select count(*)::int as credited from credits.deposit
        where tx_hash = any(${hashes}) and state = 'credited'`
      return row?.credited === hashes.length
    },
    { withinMs: 30_000, what: `${hashes.length} deposits to be credited` },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${worker.logs().slice(-4_000)}`)
  })
  await waitForPass({ chain, database })
  // Blocks are swept for lost logs every eighth block, and a token whose gain is not its logs costs two more.
  expect(proxy.calls.get('eth_getLogs') ?? 0).toBeLessThanOrEqual(2)
  return Object.fromEntries(
    PROOFS.flatMap((name) => (proxy.calls.has(name) ? [[name, proxy.calls.get(name)]] : [])),
  )
}

async function expectAmount(payer: Address, amount: bigint): Promise<void> {
  const rows = await database.sql<{ amount: string }[]>`
    select amount_base_units::text as amount from credits.deposit where payer = ${payer} and state = 'credited'`
  expect(rows.map((row) => row.amount)).toEqual([amount.toString()])
}

describe('a deposit of a hundred transfers costs the gate what one of a single transfer costs', () => {
  it('in ETH', async () => {
    const part = parseEther('0.0005')
    for (const times of [1n, 100n]) {
      const contract = await chain.deploy('HundredPayer')
      const call = { contract, functionName: 'payEth', args: [wallet, times, part], value: part * times }
      expect(await costOf(chain.call(call))).toEqual({
        eth_getTransactionReceipt: 1,
        debug_traceTransaction: 1,
        eth_call: 1,
      })
      await expectAmount(contract.address, part * times)
    }
  })

  it('in USDC', async () => {
    const part = 1_000_000n
    for (const times of [1n, 100n]) {
      const contract = await chain.deploy('HundredPayer')
      await chain.mineWith(chain.mintToken(usdc, contract.address, part * times))
      const args = [usdc.address, wallet, times, part]
      const cost = await costOf(chain.call({ contract, functionName: 'payToken', args }))
      expect(cost).toEqual({ eth_getTransactionReceipt: 1, eth_call: 2 })
      await expectAmount(contract.address, part * times)
    }
  })
})

describe('many deposits in one block cost the gate one question of each kind', () => {
  it('a hundred plain payments, with no trace at all', async () => {
    const payers = Array.from(
      { length: 100 },
      () => privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address,
    )
    for (const address of payers) {
      await chain.client.setBalance({ address, value: parseEther('1') })
      await chain.client.impersonateAccount({ address })
    }
    const value = parseEther('0.0005')
    const cost = await costOf(...payers.map((from) => chain.transferEth({ from, value })))
    expect(cost).toEqual({ eth_getBlockReceipts: 1, eth_call: 1 })
    for (const payer of payers) await expectAmount(payer, value)
  })

  it('twenty payments by contracts, with one trace of the block', async () => {
    const contracts: TestContract[] = []
    for (let i = 0; i < 20; i++) contracts.push(await chain.deploy('MultiPayer'))
    const value = parseEther('0.0005')
    const call = { functionName: 'payEth', args: [wallet, [value]], value, gas: 200_000n }
    const cost = await costOf(...contracts.map((contract) => chain.call({ ...call, contract })))
    expect(cost).toEqual({ eth_getBlockReceipts: 1, debug_traceBlockByHash: 1, eth_call: 1 })
    for (const { address } of contracts) await expectAmount(address, value)
  })
})

it('the books of all this are in order', async () => {
  expect((await verifyBooks(database.sql)).differences).toBe(0)
  expect(worker.logs()).not.toContain('a pass of the gate failed')
})
