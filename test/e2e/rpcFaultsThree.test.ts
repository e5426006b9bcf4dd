import { type Hash, numberToHex } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { endScene, healAll } from '../support/endScene.ts'
import { HOUR, payBoth } from '../support/hourPayments.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Three RPCs: one may be away or behind, and two still must say the same; one that lies stops all three.

let scene: Scene
let third: RpcProxy

beforeAll(async () => {
  scene = await startScene({ proxies: 3 })
  third = scene.proxies[2] as RpcProxy
})
afterEach(() => healAll(scene))
afterAll(() => endScene(scene))

async function pay() {
  const paid = await payBoth(scene, await scene.newPayer())
  for (const hash of paid.hashes) await scene.deposit(hash, 'pending')
  return paid
}

async function expectCreditedOnce({ payer, hashes }: Awaited<ReturnType<typeof pay>>, wasHeld: boolean) {
  for (const hash of hashes) await scene.creditedAsBlocksCome(hash)
  const books = await scene.booksOf(payer)
  expect(books.entries.map(({ kind, micros }) => [kind, micros])).toEqual([
    ['deposit', HOUR],
    ['deposit', HOUR],
  ])
  expect(books.balanceMicros).toBe('7200000000')
  const perDeposit = ['deposit.credited', ...(wasHeld ? ['deposit.held'] : []), 'deposit.pending']
  expect([...books.events].sort()).toEqual(perDeposit.flatMap((kind) => [kind, kind]))
}

test('one of three refuses connections → credited on the word of the two', async () => {
  const paid = await pay()
  await third.refuseConnections()
  await scene.chain.mine(5)
  await expectCreditedOnce(paid, false)
  const alarm = /"problem":"rpc 3 \(127\.0\.0\.1:\d+\): no connection"/
  await waitUntil(() => alarm.test(scene.service.logs()), { withinMs: 20_000, what: 'the alarm' })
})

test('one of three answers 429 to everything → credited on the word of the two', async () => {
  const paid = await pay()
  third.respond429()
  await scene.chain.mine(5)
  await expectCreditedOnce(paid, false)
})

test('one of three is 20 blocks behind → credited on the word of the two', async () => {
  await scene.chain.mine(20)
  // Seen first: the indexer asks any of the three, and what it is told late is late.
  const paid = await pay()
  third.lagBlocks(20)
  await scene.chain.mine(5)
  await expectCreditedOnce(paid, false)
})

test('one of three contradicts two → held, for money is no majority vote; credited when all agree', async () => {
  const paid = await pay()
  third.lie('eth_getTransactionReceipt', (result, params) =>
    paid.hashes.includes(params[0] as Hash) ? { ...(result as object), status: '0x0' } : result,
  )
  await scene.chain.mine(5)
  for (const hash of paid.hashes) await scene.deposit(hash, 'held', 'rpc_disagreement')
  expect((await scene.booksOf(paid.payer)).entries).toEqual([])
  await third.heal()
  await expectCreditedOnce(paid, true)
})

test('two of three away → nothing credited on the word of one, held; credited when a second is back', async () => {
  const paid = await pay()
  await Promise.all(scene.proxies.slice(1).map((proxy) => proxy.refuseConnections()))
  await scene.chain.mine(5)
  for (const hash of paid.hashes) await scene.deposit(hash, 'held', 'rpc_disagreement')
  expect((await scene.booksOf(paid.payer)).entries).toEqual([])
  await scene.proxies[1]?.heal()
  await expectCreditedOnce(paid, true)
})

test('one of three claims a head far in the future → nothing is credited before its confirmations', async () => {
  const paid = await pay()
  third.lie('eth_getBlockByNumber', (result, params) =>
    params[0] === 'latest' ? { ...(result as object), number: numberToHex(1_000_000n) } : result,
  )
  await scene.chain.mine(4)
  await scene.gateAtHead()
  const books = await scene.booksOf(paid.payer)
  expect(books.deposits.map(({ state }) => state)).toEqual(['pending', 'pending'])
  const [status] = await scene.database.sql<{ head: bigint }[]>`
    select head_number as head from credits.chain_status`
  expect(status?.head).toBe((await scene.chain.head()).number)
  await third.heal()
  await scene.chain.mine(1)
  await expectCreditedOnce(paid, false)
})
