import { expect, it, vi } from 'vitest'
import { useIndexScene } from '../support/useIndexScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

/** More than Ponder 0.16.10 holds for final on a chain it does not know: 30. */
const DEEP = 80

// Indexers are started and stopped several times in each; other tests may run beside.
vi.setConfig({ testTimeout: 180_000 })

const scene = useIndexScene()

async function amounts(): Promise<string> {
  const rows = await scene.transfersAt(0n)
  return rows.map(({ amount }) => amount).join()
}

/** Mines one by one until Ponder has taken the payment's block for final. */
async function bury(): Promise<void> {
  for (let mined = 0; mined < DEEP; mined += 10) {
    const { number } = await scene.chain.mine(10)
    await scene.transfersAt(number)
  }
}

async function anchors(): Promise<bigint[]> {
  const rows = await scene.database.sql<
    { number: bigint }[]
  >`select number from supervisor.anchor order by number`
  return rows.map(({ number }) => number)
}

it('rebuilds the index by itself within a minute of a reorg deeper than the indexer can undo (case 19)', async () => {
  const indexer = await scene.start()
  const kept = await scene.pay(1n)
  await scene.chain.mine(3)
  const lost = await scene.pay(2n)
  await bury()
  expect(await amounts()).toBe('1,2')
  await waitUntil(async () => (await anchors()).some((number) => number > lost), {
    withinMs: 60_000,
    what: 'a remembered final block above the payments',
  })
  const [old] = await indexer.schemas()

  const { number } = await scene.chain.reorg(DEEP + 2)
  expect(number).toBeGreaterThan(kept)
  const again = await scene.pay(3n)
  await scene.chain.mine(4)
  await waitUntil(async () => (await amounts()) === '1,3', {
    withinMs: 60_000,
    what: 'an index of the new chain',
  })
  await indexer.transfersAt(again + 4n)
  await waitUntil(async () => !(await indexer.schemas())?.includes(old ?? ''), {
    withinMs: 60_000,
    what: 'the end of the old schema',
  })
})

it('notices a deep reorg that happened while it was down', async () => {
  const indexer = await scene.start()
  await scene.pay(1n)
  await scene.chain.mine(3)
  const lost = await scene.pay(2n)
  await bury()
  await waitUntil(async () => (await anchors()).some((number) => number > lost), {
    withinMs: 60_000,
    what: 'a remembered final block above the payments',
  })
  await indexer.stop()

  await scene.chain.reorg(DEEP + 2)
  await scene.pay(3n)
  await scene.chain.mine(DEEP)
  await scene.start()
  await waitUntil(async () => (await amounts()) === '1,3', {
    withinMs: 60_000,
    what: 'an index of the new chain',
  })
})
