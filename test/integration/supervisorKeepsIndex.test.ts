import { expect, it, vi } from 'vitest'
import { startIndexer } from '../support/startIndexer.ts'
import { useIndexScene } from '../support/useIndexScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Indexers are started and stopped several times in each; other tests may run beside.
vi.setConfig({ testTimeout: 180_000 })

const scene = useIndexScene()

async function amountsAt(blockNumber: bigint): Promise<string[]> {
  const rows = await scene.transfersAt(blockNumber)
  return rows.map(({ amount }) => amount)
}

it('goes on in the same schema after a restart, also with another RPC interval', async () => {
  let indexer = await scene.start()
  expect(await amountsAt(await scene.pay(1n))).toEqual(['1'])
  const before = await indexer.schemas()
  await indexer.stop()
  // The views outlive the indexer: whoever reads them meanwhile finds what was there.
  expect(await amountsAt(0n)).toEqual(['1'])

  const number = await scene.pay(2n)
  indexer = await scene.start({ POLL_INTERVAL_MS: '200' })
  expect(await amountsAt(number)).toEqual(['1', '2'])
  expect(await indexer.schemas()).toEqual(before)
})

it('makes a new schema when a setting shapes the index anew, and drops the old one when the views have moved', async () => {
  let indexer = await scene.start()
  const first = await scene.pay(1n)
  expect(await amountsAt(first)).toEqual(['1'])
  const [old] = await indexer.schemas()
  await indexer.stop()

  const second = await scene.pay(2n)
  indexer = await scene.start({ START_BLOCK_31337: String(first + 1n) })
  await waitUntil(async () => (await amountsAt(second)).join() === '2', {
    withinMs: 30_000,
    what: 'the new index',
  })
  await waitUntil(async () => !(await indexer.schemas())?.includes(old ?? ''), {
    withinMs: 60_000,
    what: 'the end of the old schema',
  })
  expect(await indexer.schemas()).toHaveLength(1)
  expect(await amountsAt(second)).toEqual(['2'])
})

it('starts a killed indexer again at once, without waiting for the lock it left behind', async () => {
  const indexer = await scene.start()
  expect(await amountsAt(await scene.pay(1n))).toEqual(['1'])
  const killed = indexer.service.pids().indexer
  indexer.service.kill('indexer', 'SIGKILL')
  const number = await scene.pay(2n)
  // Ponder's own lock would last 25 seconds.
  const rows = await indexer.transfersAt(number, 15_000)
  expect(rows.map(({ amount }) => amount)).toEqual(['1', '2'])
  expect(indexer.service.pids().indexer).not.toBe(killed)
})

it('lets one indexer work on a database at a time; the other takes over when it ends', async () => {
  const indexer = await scene.start()
  expect(await amountsAt(await scene.pay(1n))).toEqual(['1'])
  const second = await startIndexer(scene.database, { chains: [scene.chain] })
  try {
    await waitUntil(() => second.service.logs().includes('standing by'), {
      withinMs: 15_000,
      what: 'the standby',
    })
    expect(second.service.pids().indexer).toBeUndefined()
    indexer.service.kill('supervisor', 'SIGKILL')
    const number = await scene.pay(2n)
    const rows = await second.transfersAt(number, 30_000)
    expect(rows.map(({ amount }) => amount)).toEqual(['1', '2'])
  } finally {
    await second.stop()
  }
})
