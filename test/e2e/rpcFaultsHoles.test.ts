import { type Hash, numberToHex } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { endScene, healAll } from '../support/endScene.ts'
import { HOUR, payEther, payUsdc } from '../support/hourPayments.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Cases 24 and 26 with a single RPC: it answers, and something is missing from its answers.

let scene: Scene
let rpc: RpcProxy

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
  rpc = scene.proxies[0] as RpcProxy
})
afterEach(() => healAll(scene))
afterAll(() => endScene(scene))

async function mineOne(pay: typeof payUsdc) {
  const payer = await scene.newPayer()
  const mined = await scene.chain.mineWith(pay(scene, payer))
  return { payer, number: mined.number, hash: mined.hashes[0] as Hash }
}

async function expectCreditedOnce({ payer, hash }: Awaited<ReturnType<typeof mineOne>>, held: boolean) {
  const { id } = await scene.creditedAsBlocksCome(hash)
  const books = await scene.booksOf(payer)
  expect(books.entries).toEqual([{ kind: 'deposit', micros: HOUR, reference: `deposit:${id}:1` }])
  expect(books.events).toEqual(['deposit.pending', ...(held ? ['deposit.held'] : []), 'deposit.credited'])
  expect(books.balanceMicros).toBe(HOUR)
}

async function failuresOf(hash: Hash): Promise<number> {
  const [row] = await scene.database.sql<{ failures: number }[]>`
    select failures from credits.deposit where tx_hash = ${hash}`
  return row?.failures ?? -1
}

test('no receipt for a mined transaction → it stays pending, then is credited (case 26)', async () => {
  const paid = [await mineOne(payUsdc), await mineOne(payEther)]
  for (const { hash } of paid) await scene.deposit(hash, 'pending')
  rpc.nullReceipts()
  await scene.chain.mine(5)
  for (const { hash } of paid) {
    // It was looked at twice with all its confirmations.
    await waitUntil(async () => (await failuresOf(hash)) >= 2, { withinMs: 30_000, what: 'two looks' })
    const answer = await scene.service.request(`/v1/transactions/${hash}`)
    expect(answer.body).toMatchObject({ outcome: 'pending', deposits: [{ state: 'pending' }] })
  }
  for (const { payer } of paid) {
    const books = await scene.booksOf(payer)
    expect([books.entries, books.events]).toEqual([[], ['deposit.pending']])
  }
  await rpc.heal()
  for (const one of paid) await expectCreditedOnce(one, false)
})

test.each([
  [
    'missing trie node',
    { code: -32000, message: 'missing trie node 0ab1 (path ) state 0x1 is not available' },
  ],
  ['pruned history', { code: 4444, message: 'pruned history unavailable' }],
])(
  'balances at the block are not available (%s) → held state_unavailable, then credited',
  async (_name, error) => {
    const paid = [await mineOne(payUsdc), await mineOne(payEther)]
    for (const { hash } of paid) await scene.deposit(hash, 'pending')
    rpc.failWith('eth_call', error)
    await scene.chain.mine(5)
    for (const { hash, payer } of paid) {
      await scene.deposit(hash, 'held', 'state_unavailable')
      expect((await scene.booksOf(payer)).entries).toEqual([])
    }
    await rpc.heal()
    for (const one of paid) await expectCreditedOnce(one, true)
  },
)

test('empty logs of one block for the indexer, gaplessly plausible → the sweep of the gate finds the payment', async () => {
  const { chain, database } = scene
  await chain.mine(10)
  await scene.gateAtHead()
  const payer = await scene.newPayer()
  const missing = numberToHex((await chain.head()).number + 1n)
  // The indexer takes empty logs only from a block whose bloom says that there are none; the sweep asks for ranges.
  for (const method of ['eth_getBlockByNumber', 'eth_getBlockByHash']) {
    rpc.lie(method, (result) => {
      const block = result as { number: string } | null
      return block?.number === missing ? { ...block, logsBloom: `0x${'0'.repeat(512)}` } : block
    })
  }
  rpc.lie('eth_getLogs', (result, params) =>
    'blockHash' in (params[0] as object)
      ? (result as { blockNumber: string }[]).filter(({ blockNumber }) => blockNumber !== missing)
      : result,
  )
  const sent = await chain.mineWith(payUsdc(scene, payer))
  expect(numberToHex(sent.number)).toBe(missing)
  const hash = sent.hashes[0] as Hash
  // A later payment is in the index: the block before it was passed over.
  const control = await mineOne(payUsdc)
  await scene.deposit(control.hash, 'pending')
  const indexed = await database.sql<{ tx_hash: string }[]>`
    select tx_hash from indexer.transfer where block_number >= ${sent.number.toString()}`
  expect(indexed.map(({ tx_hash }) => tx_hash)).toEqual([control.hash])
  expect((await scene.booksOf(payer)).deposits).toEqual([])

  await chain.mine(5 + 8)
  await expectCreditedOnce({ payer, hash, number: sent.number }, false)
  await expectCreditedOnce(control, false)
  const still = await database.sql`select 1 from indexer.transfer where tx_hash = ${hash}`
  expect(still).toHaveLength(0)
})

test('empty logs for everybody for a while → nothing is lost, credited when they are back', async () => {
  rpc.emptyLogs()
  const token = await mineOne(payUsdc)
  const ether = await mineOne(payEther)
  await scene.chain.mine(4)
  await scene.gateAtHead()
  expect((await scene.booksOf(token.payer)).entries).toEqual([])
  await rpc.heal()
  await scene.chain.mine(16)
  await expectCreditedOnce(token, false)
  await expectCreditedOnce(ether, false)
})

test('no block headers by number for a while → pending, then credited', async () => {
  const paid = await mineOne(payUsdc)
  await scene.deposit(paid.hash, 'pending')
  rpc.lie('eth_getBlockByNumber', (result, params) =>
    params[0] === numberToHex(paid.number) ? null : result,
  )
  await scene.chain.mine(5)
  await waitUntil(async () => (await failuresOf(paid.hash)) >= 1, { withinMs: 30_000, what: 'a look' })
  expect((await scene.booksOf(paid.payer)).entries).toEqual([])
  await rpc.heal()
  await expectCreditedOnce(paid, false)
})
