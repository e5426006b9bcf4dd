import type { Address, Hash } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endScene } from '../support/endScene.ts'
import { DOLLAR, ETHER, HOUR } from '../support/hourPayments.ts'
import { newSigner } from '../support/newSigner.ts'
import { type Scene, startScene, WITHIN_MS } from '../support/startScene.ts'
import { waitForIndexer } from '../support/waitForIndexer.ts'
import { waitForPass } from '../support/waitForPass.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 18: what a reorg deeper than the confirmations does to a deposit that was credited.

let scene: Scene

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
})
afterAll(() => endScene(scene))

const DEPTH = 8

/** Where the database says a deposit and its standing credit are. */
async function anchors(txHash: Hash) {
  return scene.database.sql<{ deposit: Hash; credit: Hash; asOfBlock: string }[]>`
    select d.block_hash as deposit, c.block_hash as credit, c.quote #>> '{asOfBlock,hash}' as "asOfBlock"
    from credits.deposit d
    join credits.deposit_credit c on c.deposit_id = d.id and c.reversal_entry_id is null
    where d.tx_hash = ${txHash}`
}

async function outbox(account: Address) {
  const rows = await scene.database.sql<{ kind: string; payload: Record<string, unknown> }[]>`
    select kind, payload from credits.outbox_event where account = ${account} order by id`
  return rows.map(({ kind, payload }) => ({ kind, ...payload }))
}

async function spend(wallet: Address, minutes: string): Promise<void> {
  const { status } = await scene.service.request('/v1/admin/adjustments', {
    key: scene.service.adminKey,
    headers: { 'idempotency-key': `spent-${wallet}` },
    json: { wallet, minutes: `-${minutes}`, reason: 'spent' },
  })
  expect(status).toBe(200)
}

test('dropped: the credit is taken back even if it was spent; included again, it is credited again, once', async () => {
  const { chain, service } = scene
  const payer = await newSigner(chain)
  const { hash, raw } = await payer.payEther(ETHER)
  await chain.mineWith(chain.resend(raw))
  await chain.mine(DEPTH - 1)
  const { id } = await scene.deposit(hash, 'credited')
  await spend(payer.address, '59')

  await waitForIndexer(scene)
  await chain.reorg(DEPTH)
  await scene.deposit(hash, 'reversed')
  const account = `/v1/accounts/${payer.address}/balance`
  expect((await service.request(account, { key: service.serviceKey })).body).toMatchObject({
    balanceMicros: '-3540000000',
    balanceMinutes: '-59',
  })
  const seen = await service.request(`/v1/transactions/${hash}`)
  expect(seen.body).toMatchObject({
    outcome: 'pending',
    deposits: [{ id, state: 'reversed', confirmations: 0, creditMicros: null }],
  })
  const taken = { id, rail: 'eth:31337', txHash: hash, payer: payer.address, amountBaseUnits: String(ETHER) }
  expect((await outbox(payer.address)).slice(1)).toEqual([
    { kind: 'deposit.credited', ...taken, creditMicros: HOUR, attempt: 1 },
    { kind: 'deposit.reversed', ...taken, reversedMicros: HOUR, attempt: 1 },
  ])
  expect(service.logs()).toContain('deposit reversed: a reorg removed its transaction')

  await chain.resend(raw)
  await chain.mineWith(hash)
  await chain.mine(4)
  await waitUntil(async () => (await scene.booksOf(payer.address)).deposits[0]?.state === 'pending', {
    withinMs: WITHIN_MS,
    what: 'the deposit to be back',
  })
  await waitForPass(scene)
  expect((await scene.booksOf(payer.address)).balanceMicros).toBe('-3540000000')
  await chain.mine(1)
  expect((await scene.deposit(hash, 'credited')).attempt).toBe(2)
  await chain.mine(DEPTH)
  await waitForPass(scene)
  expect(await scene.booksOf(payer.address)).toEqual({
    deposits: [{ rail: 'eth:31337', state: 'credited', reason: null, amount: String(ETHER), micros: HOUR }],
    entries: [
      { kind: 'deposit', micros: HOUR, reference: `deposit:${id}:1` },
      { kind: 'adjustment', micros: '-3540000000', reference: `adjustment:spent-${payer.address}` },
      { kind: 'deposit_reversal', micros: `-${HOUR}`, reference: `deposit_reversal:${id}:1` },
      { kind: 'deposit', micros: HOUR, reference: `deposit:${id}:2` },
    ],
    events: [
      'deposit.pending',
      'deposit.credited',
      'deposit.reversed',
      'deposit.pending',
      'deposit.credited',
    ],
    balanceMicros: '60000000',
  })
})

test('dropped with two rails in one transaction: both are taken back, both are given again', async () => {
  const { chain, usdc } = scene
  const payer = await newSigner(chain)
  const contract = await chain.deploy('MultiPayer')
  await chain.mineWith(chain.mintToken(usdc, contract.address, DOLLAR))
  const args = [chain.accounts.revenue, usdc.address, DOLLAR]
  const { hash, raw } = await payer.call(contract, 'payEthAndToken', args, ETHER)
  await chain.mineWith(chain.resend(raw))
  await chain.mine(DEPTH - 1)
  const states = async () => (await scene.booksOf(contract.address)).deposits.map(({ state }) => state)
  const both = (state: string) =>
    waitUntil(async () => (await states()).join() === `${state},${state}`, {
      withinMs: WITHIN_MS,
      what: `both to be ${state}`,
    })
  await both('credited')
  await waitForIndexer(scene)
  await chain.reorg(DEPTH)
  await both('reversed')
  expect((await scene.booksOf(contract.address)).balanceMicros).toBe('0')
  await chain.resend(raw)
  await chain.mineWith(hash)
  await chain.mine(5)
  await both('credited')
  const books = await scene.booksOf(contract.address)
  expect(books.balanceMicros).toBe('7200000000')
  expect(
    books.entries
      .map(({ reference }) => reference.replace(/\d+-0x[0-9a-f]{64}-|-0x[0-9a-f]{40}/g, ''))
      .sort(),
  ).toEqual([
    'deposit:eth:1',
    'deposit:eth:2',
    'deposit:usdc:1',
    'deposit:usdc:2',
    'deposit_reversal:eth:1',
    'deposit_reversal:usdc:1',
  ])
})

test('moved to another block: the credit stays, follows the transaction, and nobody is told', async () => {
  const { chain, usdc } = scene
  const [ether, dollar] = [await newSigner(chain), await newSigner(chain, [usdc])]
  const payments = [await ether.payEther(ETHER), await dollar.payToken(usdc, DOLLAR)]
  const paid = await chain.mineWith(...payments.map(({ raw }) => chain.resend(raw)))
  await chain.mine(DEPTH - 1)
  for (const { hash } of payments) await scene.deposit(hash, 'credited')
  const before = [await scene.booksOf(ether.address), await scene.booksOf(dollar.address)]

  await waitForIndexer(scene)
  await chain.reorg(
    DEPTH,
    payments.map(({ raw }, index) => ({ raw, atBlock: 2 + index })),
  )
  for (const [index, { hash }] of payments.entries()) {
    const moved = await chain.receipt(hash)
    expect(moved.blockNumber).toBe(paid.number + 2n + BigInt(index))
    await waitUntil(async () => (await anchors(hash))[0]?.deposit === moved.blockHash, {
      withinMs: WITHIN_MS,
      what: 'the credit to follow',
    })
    expect([...(await anchors(hash))]).toEqual([
      { deposit: moved.blockHash, credit: moved.blockHash, asOfBlock: paid.hash },
    ])
  }
  await chain.mine(DEPTH)
  await waitForPass(scene)
  expect([await scene.booksOf(ether.address), await scene.booksOf(dollar.address)]).toEqual(before)
  expect(before.map(({ events }) => events)).toEqual(Array(2).fill(['deposit.pending', 'deposit.credited']))
  // Where it is now it is still watched.
  const depth = Number((await chain.head()).number - paid.number) - 1
  await waitForIndexer(scene)
  await chain.reorg(depth)
  for (const { hash } of payments) await scene.deposit(hash, 'reversed')
})

test('moved, and paying another amount there: the credit is taken back and the new amount is credited', async () => {
  const { chain } = scene
  const payer = await newSigner(chain)
  // Pays all it has: what it is given beforehand, in a block that the reorg drops, is not there the second time.
  const contract = await chain.deploy('SelfDestructPayer')
  await chain.mineWith(
    chain.transferEth({ from: chain.accounts.other, to: contract.address, value: 2n * ETHER }),
  )
  const { hash, raw } = await payer.call(contract, 'pay', [chain.accounts.revenue], ETHER)
  await chain.mineWith(chain.resend(raw))
  await chain.mine(DEPTH - 1)
  const { id, micros } = await scene.deposit(hash, 'credited')
  expect(micros).toBe('10800000000')

  await waitForIndexer(scene)
  await chain.reorg(DEPTH + 1, [{ raw, atBlock: 0 }])
  await waitUntil(async () => (await scene.booksOf(contract.address)).entries.length === 3, {
    withinMs: WITHIN_MS,
    what: 'the new amount to be credited',
  })
  await chain.mine(1)
  await waitForPass(scene)
  // Held in between where the gate is there before the index: less than was seen elsewhere is doubted for a moment.
  const { events, ...books } = await scene.booksOf(contract.address)
  expect(events.filter((kind) => kind !== 'deposit.held')).toEqual([
    'deposit.pending',
    'deposit.credited',
    'deposit.reversed',
    'deposit.credited',
  ])
  expect(books).toEqual({
    deposits: [{ rail: 'eth:31337', state: 'credited', reason: null, amount: String(ETHER), micros: HOUR }],
    entries: [
      { kind: 'deposit', micros: '10800000000', reference: `deposit:${id}:1` },
      { kind: 'deposit_reversal', micros: '-10800000000', reference: `deposit_reversal:${id}:1` },
      { kind: 'deposit', micros: HOUR, reference: `deposit:${id}:2` },
    ],
    balanceMicros: HOUR,
  })
})

test('replaced by a transaction of the same nonce after the credit: taken back for good', async () => {
  const { chain } = scene
  const payer = await newSigner(chain)
  const { hash, raw } = await payer.payEther(ETHER)
  await chain.mineWith(chain.resend(raw))
  await chain.mine(DEPTH - 1)
  await scene.deposit(hash, 'credited')
  await chain.client.impersonateAccount({ address: payer.address })
  await waitForIndexer(scene)
  const replacement = await chain.replace(hash)
  await chain.mineWith(replacement)
  await chain.mine(DEPTH)
  await scene.deposit(hash, 'reversed')
  const again = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
  expect(again.status).toBe(202)
  await waitForPass(scene)
  const books = await scene.booksOf(payer.address)
  expect(books.events).toEqual(['deposit.pending', 'deposit.credited', 'deposit.reversed'])
  expect(books.balanceMicros).toBe('0')
})
