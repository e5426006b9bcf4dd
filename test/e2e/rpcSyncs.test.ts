import { setTimeout as wait } from 'node:timers/promises'
import { type Hash, parseEther, parseUnits } from 'viem'
import { afterEach, describe, expect, test } from 'vitest'
import { type Scene, startScene } from '../support/startScene.ts'

// An RPC that syncs: for a minute its head is far back, below what the indexer holds for final (30 blocks here), and then it
// is where it was. Nothing that happened may be taken for undone.

const BEHIND = 120
/** Longer than a standstill of the indexer and every strike of the watch need to be noticed. */
const SYNCS_FOR_MS = 45_000

let scene: Scene
afterEach(async () => {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
})

async function pay(amount = '1') {
  const { chain, usdc } = scene
  const payer = await scene.newPayer()
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: payer, value: parseEther('0.0005') }),
    chain.transferToken({ token: usdc, from: payer, amount: parseUnits(amount, 6) }),
  )
  return { payer, hashes: hashes as [Hash, Hash] }
}

const UNDONE = ['deposit.reversed', 'deposit.orphaned']

describe.each([
  ['the only RPC', 1],
  ['one of two', 2],
])('%s', (_name, proxies) => {
  test('syncs for a minute → nothing is reversed, orphaned or rebuilt, and what came meanwhile is credited after it', async () => {
    scene = await startScene({ proxies })
    const { chain, service } = scene
    await chain.mine(200)
    const before = await pay()
    await chain.mine(6)
    for (const hash of before.hashes) await scene.deposit(hash, 'credited')
    const pending = await pay()
    await chain.mine(1)
    for (const hash of pending.hashes) await scene.deposit(hash, 'pending')
    const books = await scene.booksOf(before.payer)

    scene.proxies[proxies - 1]?.lagBlocks(BEHIND)
    const until = performance.now() + SYNCS_FOR_MS
    const meanwhile = await pay()
    while (performance.now() < until) {
      // The chain goes on, a block every few seconds; time is what this test is about.
      await chain.mine(1)
      await wait(3_000)
    }
    expect(await scene.booksOf(before.payer)).toEqual(books)
    const waiting = await scene.booksOf(pending.payer)
    expect(waiting.events.filter((kind) => UNDONE.includes(kind))).toEqual([])

    await scene.proxies[proxies - 1]?.heal()
    for (const hash of [...pending.hashes, ...meanwhile.hashes]) await scene.creditedAsBlocksCome(hash)
    // Long enough for a standstill to be noticed, should the indexer have been left in one.
    const settled = performance.now() + 10_000
    while (performance.now() < settled) {
      await chain.mine(1)
      await wait(2_000)
    }
    const after = await pay()
    await chain.mine(6)
    for (const hash of after.hashes) await scene.creditedAsBlocksCome(hash)
    for (const { payer } of [before, pending, meanwhile, after]) {
      const { events } = await scene.booksOf(payer)
      expect(events.filter((kind) => UNDONE.includes(kind))).toEqual([])
      expect(events.filter((kind) => kind === 'deposit.credited')).toHaveLength(2)
    }
    expect(service.logs()).not.toContain('rebuilding the index')
  }, 400_000)
})
