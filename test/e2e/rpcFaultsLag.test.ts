import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { endScene, healAll } from '../support/endScene.ts'
import { HOUR, payBoth } from '../support/hourPayments.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 24: two RPCs, one of which is behind or does not show everything. Nobody lies; nothing may be lost.

let scene: Scene
let lazy: RpcProxy

beforeAll(async () => {
  scene = await startScene({ proxies: 2 })
  lazy = scene.proxies[1] as RpcProxy
})
afterEach(() => healAll(scene))
afterAll(() => endScene(scene))

const pay = async () => payBoth(scene, await scene.newPayer())

/** Both payments, ETH and USDC, credited exactly once, whatever happened on the way. */
async function expectBothCreditedOnce({ payer, hashes }: Awaited<ReturnType<typeof pay>>) {
  const ids = []
  for (const hash of hashes) ids.push((await scene.creditedAsBlocksCome(hash)).id)
  const books = await scene.booksOf(payer)
  expect(books.entries.map(({ reference }) => reference).sort()).toEqual(
    ids.map((id) => `deposit:${id}:1`).sort(),
  )
  expect(books.entries.map(({ micros }) => micros)).toEqual([HOUR, HOUR])
  expect(books.balanceMicros).toBe('7200000000')
  expect(books.events.filter((kind) => kind === 'deposit.credited')).toHaveLength(2)
  expect(books.events.filter((kind) => kind === 'deposit.pending')).toHaveLength(2)
  expect(books.events).not.toContain('deposit.orphaned')
  return books
}

async function headOfGate(): Promise<bigint> {
  const [row] = await scene.database.sql<{ head: bigint }[]>`
    select head_number as head from credits.chain_status where chain_id = 31337`
  return row?.head ?? -1n
}

/** Waits for passes that began after now. */
async function nextPasses() {
  const { sql } = scene.database
  const passedAt = async () => {
    const [row] = await sql<{ at: Date }[]>`select passed_at as at from credits.chain_status`
    return row?.at.getTime() ?? 0
  }
  for (let passes = 0; passes < 3; passes++) {
    const before = await passedAt()
    await waitUntil(async () => (await passedAt()) > before, { withinMs: 20_000, what: 'a pass of the gate' })
  }
}

test('one RPC 20 blocks behind → nothing credited on the word of the other alone; all credited when both have it', async () => {
  await scene.chain.mine(20)
  await scene.gateAtHead()
  const paid = await pay()
  lazy.lagBlocks(20)
  const { number } = await scene.chain.mine(6)
  await waitUntil(async () => (await headOfGate()) === number - 20n, {
    withinMs: 20_000,
    what: 'the head that both have',
  })
  await nextPasses()
  const books = await scene.booksOf(paid.payer)
  expect(books.entries).toEqual([])
  // Waiting for the one that lags is no disagreement.
  expect(books.deposits.every(({ state }) => state === 'pending')).toBe(true)

  await lazy.heal()
  expect((await expectBothCreditedOnce(paid)).events).not.toContain('deposit.held')
})

test('one RPC 20 blocks behind goes on so: what both have is still credited', async () => {
  lazy.lagBlocks(20)
  const paid = await pay()
  await scene.chain.mine(5 + 20)
  await expectBothCreditedOnce(paid)
})

test('an RPC that falls back by 20 after the credit takes nothing back', async () => {
  const paid = await pay()
  await scene.chain.mine(5)
  await expectBothCreditedOnce(paid)
  lazy.headJump(20)
  await nextPasses()
  await scene.chain.mine()
  await nextPasses()
  await lazy.heal()
  await scene.gateAtHead()
  await nextPasses()
  const books = await expectBothCreditedOnce(paid)
  expect(books.entries).toHaveLength(2)
  expect(books.events).not.toContain('deposit.reversed')
})

test('one RPC answers empty logs, also to the indexer → credited all the same', async () => {
  lazy.emptyLogs()
  const paid = await pay()
  await scene.chain.mine(5)
  await scene.creditedAsBlocksCome(paid.hashes[0])
  // Eight blocks on, the sweep has asked both and believed the one that shows more.
  await scene.chain.mine(9)
  await expectBothCreditedOnce(paid)
})

test('one RPC has no receipts for a while → pending, no alarm, then credited', async () => {
  const paid = await pay()
  lazy.nullReceipts()
  await scene.chain.mine(5)
  await scene.gateAtHead()
  await nextPasses()
  const books = await scene.booksOf(paid.payer)
  expect(books.entries).toEqual([])
  expect(books.events.filter((kind) => kind !== 'deposit.pending')).toEqual([])
  await lazy.heal()
  await expectBothCreditedOnce(paid)
})

test('one of two RPCs speaks for another chain → held with alarm, credited when it is itself again', async () => {
  const paid = await pay()
  for (const hash of paid.hashes) await scene.deposit(hash, 'pending')
  lazy.wrongChainId(1)
  await scene.chain.mine(5)
  for (const hash of paid.hashes) await scene.deposit(hash, 'held', 'rpc_disagreement')
  expect((await scene.booksOf(paid.payer)).entries).toEqual([])
  expect(scene.service.logs()).toMatch(/answers for chain 1/)
  await lazy.heal()
  await expectBothCreditedOnce(paid)
})
