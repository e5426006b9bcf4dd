import { parseEther } from 'viem'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { startIndexer, type TestIndexer } from '../support/startIndexer.ts'

let chain: TestChain
let database: TestDatabase
let indexer: TestIndexer | undefined
const closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  chain = await createChain()
  database = await createTestDatabase()
})

afterEach(async () => {
  await indexer?.stop()
  indexer = undefined
  for (const close of closing.splice(0)) await close()
  await database.drop()
  await chain.stop()
})

/** One plain payment, one that failed, one by a contract; gives the amounts that were recorded. */
async function recordedAmounts(): Promise<string[]> {
  const { buyer, revenue } = chain.accounts
  const payer = await chain.deploy('MultiPayer')
  const failing = await chain.deploy('RevertingPayer')
  const { number } = await chain.mineWith(
    chain.transferEth({ from: buyer, value: 500n }),
    chain.call({ contract: payer, functionName: 'payEth', args: [revenue, [7n]], value: 7n }),
    chain.call({ contract: failing, functionName: 'payAndFail', args: [revenue], value: parseEther('1') }),
  )
  const rows = (await indexer?.transfersAt(number)) ?? []
  expect(rows.every(({ payer, trace_index }) => payer === buyer && trace_index === null)).toBe(true)
  return rows.map(({ amount }) => amount)
}

it('records top-level payments only, with ETH_DETECTION=transactions', async () => {
  indexer = await startIndexer(database, { chains: [chain], overrides: { ETH_DETECTION: 'transactions' } })
  expect(await recordedAmounts()).toEqual(['500'])
})

it('starts, warns and records top-level payments where the RPC has no debug_trace (case 27)', async () => {
  const proxy = await createRpcProxy(chain.rpcUrl)
  closing.push(() => proxy.stop())
  proxy.without('debug_traceBlockByNumber')
  proxy.without('debug_traceBlockByHash')
  indexer = await startIndexer(database, { chains: [chain], rpcUrls: { [chain.chainId]: proxy.url } })
  expect(await recordedAmounts()).toEqual(['500'])
  expect(indexer.service.logs()).toContain('internal ETH payments')
})
