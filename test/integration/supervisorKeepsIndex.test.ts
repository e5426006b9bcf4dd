import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { startIndexer, type TestIndexer } from '../support/startIndexer.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Indexers are started and stopped several times in each; other tests may run beside.
vi.setConfig({ testTimeout: 180_000 })

let chain: TestChain
let database: TestDatabase
let indexer: TestIndexer | undefined

beforeEach(async () => {
  chain = await createChain()
  database = await createTestDatabase()
})

afterEach(async () => {
  await indexer?.stop()
  indexer = undefined
  await database.drop()
  await chain.stop()
})

async function pay(value: bigint): Promise<bigint> {
  const { number } = await chain.mineWith(chain.transferEth({ from: chain.accounts.buyer, value }))
  return number
}

async function amountsAt(blockNumber: bigint): Promise<string[]> {
  const rows = (await indexer?.transfersAt(blockNumber)) ?? []
  return rows.map(({ amount }) => amount)
}

it('goes on in the same schema after a restart, also with another RPC interval', async () => {
  indexer = await startIndexer(database, { chains: [chain] })
  expect(await amountsAt(await pay(1n))).toEqual(['1'])
  const before = await indexer.schemas()
  await indexer.stop()
  // The views outlive the indexer: whoever reads them meanwhile finds what was there.
  expect(await amountsAt(0n)).toEqual(['1'])

  const number = await pay(2n)
  indexer = await startIndexer(database, { chains: [chain], overrides: { POLL_INTERVAL_MS: '200' } })
  expect(await amountsAt(number)).toEqual(['1', '2'])
  expect(await indexer.schemas()).toEqual(before)
})

it('makes a new schema when a setting shapes the index anew, and drops the old one when the views have moved', async () => {
  indexer = await startIndexer(database, { chains: [chain] })
  const first = await pay(1n)
  expect(await amountsAt(first)).toEqual(['1'])
  const [old] = await indexer.schemas()
  await indexer.stop()

  const second = await pay(2n)
  indexer = await startIndexer(database, {
    chains: [chain],
    overrides: { START_BLOCK_31337: String(first + 1n) },
  })
  await waitUntil(async () => (await amountsAt(second)).join() === '2', {
    withinMs: 30_000,
    what: 'the new index',
  })
  await waitUntil(async () => !(await indexer?.schemas())?.includes(old ?? ''), {
    withinMs: 60_000,
    what: 'the end of the old schema',
  })
  expect(await indexer.schemas()).toHaveLength(1)
  expect(await amountsAt(second)).toEqual(['2'])
})

it('starts a killed indexer again at once, without waiting for the lock it left behind', async () => {
  indexer = await startIndexer(database, { chains: [chain] })
  expect(await amountsAt(await pay(1n))).toEqual(['1'])
  const killed = indexer.service.pids().indexer
  indexer.service.kill('indexer', 'SIGKILL')
  const number = await pay(2n)
  // Ponder's own lock would last 25 seconds.
  const rows = await indexer.transfersAt(number, 15_000)
  expect(rows.map(({ amount }) => amount)).toEqual(['1', '2'])
  expect(indexer.service.pids().indexer).not.toBe(killed)
})

it('lets one indexer work on a database at a time; the other takes over when it ends', async () => {
  indexer = await startIndexer(database, { chains: [chain] })
  expect(await amountsAt(await pay(1n))).toEqual(['1'])
  const second = await startIndexer(database, { chains: [chain] })
  try {
    await waitUntil(() => second.service.logs().includes('standing by'), {
      withinMs: 15_000,
      what: 'the standby',
    })
    expect(second.service.pids().indexer).toBeUndefined()
    indexer.service.kill('supervisor', 'SIGKILL')
    const number = await pay(2n)
    const rows = await second.transfersAt(number, 30_000)
    expect(rows.map(({ amount }) => amount)).toEqual(['1', '2'])
  } finally {
    await second.stop()
  }
})
