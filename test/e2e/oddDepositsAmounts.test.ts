import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { expectBooksInOrder } from '../support/expectBooksInOrder.ts'
import { mineBesideControl } from '../support/mineBesideControl.ts'
import { type Scene, startScene } from '../support/startScene.ts'

// Case 11 and small payments: the smallest and the largest amounts there are, and those that reach the minimum together.

let scene: Scene

beforeAll(async () => {
  scene = await startScene({ proxies: 1 })
})
afterAll(async () => {
  await scene?.stop()
})

const payEther = (from: Address, value: bigint) => scene.chain.transferEth({ from, value })
const payUsdc = (from: Address, amount: bigint) =>
  scene.chain.transferToken({ token: scene.usdc, from, amount })
const payAxgt = (from: Address, amount: bigint) =>
  scene.chain.transferToken({ token: scene.axgt, from, amount })
const moveAxgt = (from: Address, to: Address, amount: bigint) =>
  scene.chain.transferToken({ token: scene.axgt, from, to, amount })

async function mineOne(send: Promise<Hash>): Promise<Hash> {
  const { hashes } = await mineBesideControl(scene, send)
  return hashes[0] as Hash
}

/** What the public, the payer's service and the books say of the only deposit of a transaction that is held. */
async function expectHeld(
  hash: Hash,
  payer: Address,
  expected: { rail: string; reason: string; amount: bigint },
) {
  const { rail, reason, amount } = expected
  const id = (await scene.deposit(hash, 'held', reason)).id
  const json = {
    id,
    txHash: hash,
    rail,
    payer,
    amountBaseUnits: amount.toString(),
    state: 'held',
    reason,
    retryAt: expect.stringMatching(/^\d{4}-/),
    creditMicros: null,
    creditMinutes: null,
  }
  const looked = await scene.service.request(`/v1/transactions/${hash}`)
  expect(looked).toMatchObject({ status: 200, body: { outcome: 'pending', deposits: [json] } })
  const submitted = await scene.service.request('/v1/deposits', { json: { txHash: hash } })
  expect(submitted).toMatchObject({ status: 202, body: { outcome: 'pending', deposits: [json] } })
  const key = scene.service.serviceKey
  const listed = await scene.service.request(`/v1/accounts/${payer}/deposits`, { key })
  expect(listed.body).toMatchObject({ items: [json] })
  expect(await scene.booksOf(payer)).toEqual({
    deposits: [{ rail, state: 'held', reason, amount: amount.toString(), micros: null }],
    entries: [],
    events: ['deposit.pending', 'deposit.held'],
    balanceMicros: '0',
  })
  const [event] = await scene.database.sql<{ payload: unknown }[]>`
    select payload from credits.outbox_event where kind = 'deposit.held' and payload->>'id' = ${id}`
  expect(event?.payload).toEqual({
    id,
    rail,
    txHash: hash,
    payer,
    amountBaseUnits: amount.toString(),
    reason,
  })
}

describe('amounts at the ends', () => {
  it('2^256 − 1 base units of AXGT are held as too large, the amount exact', async () => {
    const most = 2n ** 256n - 1n
    const payer = await scene.newPayer()
    await scene.chain.mineWith(scene.chain.mintToken(scene.axgt, payer, most))
    const hash = await mineOne(payAxgt(payer, most))
    await expectHeld(hash, payer, { rail: 'axgt:31337', reason: 'amount_too_large', amount: most })
    // Else no other AXGT could ever be added to the wallet's.
    const { revenue } = scene.chain.accounts
    await scene.chain.mineWith(moveAxgt(revenue, `0x${'d0'.repeat(20)}`, most))
  })

  it('1 wei is held below the minimum', async () => {
    const payer = await scene.newPayer()
    const hash = await mineOne(payEther(payer, 1n))
    await expectHeld(hash, payer, { rail: 'eth:31337', reason: 'below_minimum', amount: 1n })
  })

  it('1 base unit of USDC is held below the minimum', async () => {
    const payer = await scene.newPayer()
    const hash = await mineOne(payUsdc(payer, 1n))
    await expectHeld(hash, payer, { rail: 'usdc:31337', reason: 'below_minimum', amount: 1n })
  })

  it('1 base unit of AXGT is held below the minimum', async () => {
    const payer = await scene.newPayer({ axgt: '1' })
    const hash = await mineOne(payAxgt(payer, 1n))
    await expectHeld(hash, payer, { rail: 'axgt:31337', reason: 'below_minimum', amount: 1n })
  })

  it('the most that 2^53 − 1 micros can hold is credited exactly, one base unit more is held', async () => {
    const most = (2n ** 53n - 1n) / 3600n
    const [within, beyond] = [await scene.newPayer(), await scene.newPayer()]
    await scene.chain.mineWith(
      scene.chain.mintToken(scene.usdc, within, most),
      scene.chain.mintToken(scene.usdc, beyond, most),
    )
    const { hashes } = await mineBesideControl(scene, payUsdc(within, most), payUsdc(beyond, most + 1n))
    const [first, second] = hashes as [Hash, Hash]
    await scene.deposit(first, 'credited')
    expect(await scene.booksOf(within)).toMatchObject({
      deposits: [{ amount: '2501999792983', micros: '9007199254738800' }],
      balanceMicros: '9007199254738800',
    })
    await expectHeld(second, beyond, { rail: 'usdc:31337', reason: 'amount_too_large', amount: most + 1n })
  })

  it('an amount that a double cannot hold is credited to the wei, and its micros are floored', async () => {
    const payer = await scene.newPayer()
    const value = parseEther('1') + 138_889n
    const hash = await mineOne(payEther(payer, value))
    const { body } = await scene.service.request(`/v1/transactions/${hash}`)
    // 138 889 wei are 1.0000008 micros.
    expect(body).toMatchObject({
      deposits: [{ amountBaseUnits: '1000000000000138889', creditMicros: '7200000000001' }],
    })
  })

  it('exactly the minimum of each rail is credited, one base unit less is not', async () => {
    const [enough, short] = [await scene.newPayer({ axgt: '100' }), await scene.newPayer({ axgt: '99' })]
    const [ether, usdc, axgt] = [parseEther('0.0005'), parseUnits('1', 6), parseUnits('100', 18)]
    await scene.chain.mineWith(moveAxgt(enough, short, 1n))
    await scene.chain.mineWith(scene.chain.mintToken(scene.axgt, enough, 1n))
    await scene.chain.mineWith(scene.chain.mintToken(scene.axgt, short, axgt))
    // AXGT last and in a block of its own: it decides the tier, and with it the minimum.
    const { hashes } = await mineBesideControl(
      scene,
      payUsdc(enough, usdc),
      payUsdc(short, usdc - 1n),
      payAxgt(enough, axgt),
      payAxgt(short, axgt - 1n),
    )
    for (const [index, hash] of hashes.entries()) {
      await scene.deposit(hash, index % 2 === 0 ? 'credited' : 'held')
    }
    const [poor, poorer] = [await scene.newPayer(), await scene.newPayer()]
    const sent = await mineBesideControl(scene, payEther(poor, ether), payEther(poorer, ether - 1n))
    await scene.deposit(sent.hashes[0] as Hash, 'credited')
    await scene.deposit(sent.hashes[1] as Hash, 'held', 'below_minimum')
  })
})

/** States, amounts and micros of a payer's deposits, oldest first. */
async function depositsOf(payer: Address) {
  const { deposits } = await scene.booksOf(payer)
  return deposits.map(({ state, amount, micros }) => [state, amount, micros])
}

describe('payments that are each too small', () => {
  it('are all credited, each by its own amount, when the last base unit makes up the minimum', async () => {
    const payer = await scene.newPayer()
    await scene.deposit(await mineOne(payUsdc(payer, 999_998n)), 'held', 'below_minimum')
    await scene.deposit(await mineOne(payUsdc(payer, 1n)), 'held', 'below_minimum')
    await scene.deposit(await mineOne(payUsdc(payer, 1n)), 'credited')
    expect(await scene.booksOf(payer)).toMatchObject({
      deposits: [
        { state: 'credited', amount: '999998', micros: '3599992800' },
        { state: 'credited', amount: '1', micros: '3600' },
        { state: 'credited', amount: '1', micros: '3600' },
      ],
      balanceMicros: '3600000000',
    })
    const { entries, events } = await scene.booksOf(payer)
    expect(entries).toHaveLength(3)
    expect(events.filter((kind) => kind === 'deposit.credited')).toHaveLength(3)
    expect(events.filter((kind) => kind === 'deposit.held')).toHaveLength(2)
  })

  it('are credited too when they come in one block', async () => {
    const payer = await scene.newPayer()
    const part = parseEther('0.0001')
    const sends = Array.from({ length: 5 }, () => payEther(payer, part))
    const { hashes } = await mineBesideControl(scene, ...sends)
    for (const hash of hashes) await scene.deposit(hash, 'credited')
    expect((await scene.booksOf(payer)).balanceMicros).toBe('3600000000')
  })

  it('of two payers, or on two rails, do not make up one minimum', async () => {
    const [alice, bob] = [await scene.newPayer(), await scene.newPayer()]
    const { hashes } = await mineBesideControl(
      scene,
      payUsdc(alice, 600_000n),
      payUsdc(bob, 600_000n),
      payEther(alice, parseEther('0.0004')),
    )
    for (const hash of hashes) await scene.deposit(hash, 'held', 'below_minimum')
    for (const payer of [alice, bob]) expect((await scene.booksOf(payer)).balanceMicros).toBe('0')
  })

  it('stay held beside a payment that suffices by itself', async () => {
    const payer = await scene.newPayer()
    const small = await mineOne(payUsdc(payer, 400_000n))
    await scene.deposit(small, 'held', 'below_minimum')
    await scene.deposit(await mineOne(payUsdc(payer, 1_000_000n)), 'credited')
    await scene.deposit(small, 'held', 'below_minimum')
    expect((await scene.booksOf(payer)).balanceMicros).toBe('3600000000')
  })

  it('need only the lower minimum of a holder of 100 000 AXGT', async () => {
    const payer = await scene.newPayer({ axgt: '100000' })
    const first = await mineOne(payEther(payer, parseEther('0.0002')))
    await scene.deposit(first, 'held', 'below_minimum')
    await scene.deposit(await mineOne(payEther(payer, parseEther('0.000175'))), 'credited')
    expect(await depositsOf(payer)).toEqual([
      ['credited', '200000000000000', '1920000000'],
      ['credited', '175000000000000', '1680000000'],
    ])
  })

  it('keep each the tier of its own block when the payer buys AXGT between them', async () => {
    const payer = await scene.newPayer()
    const first = await mineOne(payEther(payer, parseEther('0.0002')))
    await scene.deposit(first, 'held', 'below_minimum')
    await scene.chain.mineWith(scene.chain.mintToken(scene.axgt, payer, parseUnits('100000', 18)))
    await scene.deposit(await mineOne(payEther(payer, parseEther('0.000175'))), 'credited')
    // 24 minutes at tier 0 and 28 at tier 4; the minimum is that of the newest.
    expect(await depositsOf(payer)).toEqual([
      ['credited', '200000000000000', '1440000000'],
      ['credited', '175000000000000', '1680000000'],
    ])
  })

  it('need the full minimum again after the payer sold the AXGT, and keep each its tier', async () => {
    const payer = await scene.newPayer({ axgt: '100000' })
    const first = await mineOne(payEther(payer, parseEther('0.0002')))
    await scene.deposit(first, 'held', 'below_minimum')
    await scene.chain.mineWith(moveAxgt(payer, scene.chain.accounts.holder, parseUnits('100000', 18)))
    const second = await mineOne(payEther(payer, parseEther('0.0002')))
    await scene.deposit(second, 'held', 'below_minimum')
    await scene.deposit(await mineOne(payEther(payer, parseEther('0.0001'))), 'credited')
    expect(await depositsOf(payer)).toEqual([
      ['credited', '200000000000000', '1920000000'],
      ['credited', '200000000000000', '1440000000'],
      ['credited', '100000000000000', '720000000'],
    ])
    expect((await scene.booksOf(payer)).balanceMicros).toBe('4080000000')
  })
})

test('the books of all this are in order', async () => {
  await expectBooksInOrder(scene)
})
