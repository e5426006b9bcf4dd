import { parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner, type Signer } from '../support/newSigner.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// Relatives of cases 18 to 20 that need a pass at a certain moment, or a reorg deeper than the indexer survives: the gate
// alone, pass by pass, on a chain whose `finalized` block is 20 below its head.

const FINALITY = 20
const ETHER = parseEther('0.0005')
const HOUR = 3_600_000_000n

let chain: TestChain
let database: TestDatabase
let gate: GateScene

beforeAll(async () => {
  ;[chain, database] = await Promise.all([
    createChain({ slotsInAnEpoch: FINALITY / 2 }),
    createTestDatabase(),
  ])
  await chain.mine(FINALITY)
  gate = await startGateScene({ chain, database })
})
afterAll(async () => {
  const differences = await gate?.differences()
  await database?.drop()
  await chain?.stop()
  expect(differences).toEqual([])
})

/** Beyond the pause before the first search for a transaction that was lost. */
const SEARCH_PAUSE_MS = 10_000

/** Pays, mines that many blocks with the payment's own and has the gate pass. */
async function payAndMine(blocks: number, from?: Signer) {
  const payer = from ?? (await newSigner(chain))
  const { hash, raw } = await payer.payEther(ETHER)
  const paid = await chain.mineWith(chain.resend(raw))
  await gate.submit(hash)
  await chain.mine(blocks - 1)
  await gate.pass()
  return { payer: payer.address, hash, raw, paid }
}

async function finalized(): Promise<bigint> {
  return (await chain.client.getBlock({ blockTag: 'finalized' })).number
}

async function mineAgain(raw: `0x${string}`, blocks: number): Promise<void> {
  await chain.mineWith(chain.resend(raw))
  await chain.mine(blocks - 1)
}

describe('finality', () => {
  test('once the finalized block has passed it, a credit is final and no reorg touches it any more', async () => {
    const { payer, hash, paid } = await payAndMine(6)
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: false })
    await chain.mine(Number(paid.number - 1n + BigInt(FINALITY) - (await chain.head()).number))
    expect(await finalized()).toBe(paid.number - 1n)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: false })
    await chain.mine(1)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: true })

    await chain.reorg(FINALITY + 8)
    await expect(chain.receipt(hash)).rejects.toThrow('could not be found')
    const control = await payAndMine(6)
    expect(await gate.deposit(control.hash)).toMatchObject({ state: 'credited' })
    await chain.mine(FINALITY + 5)
    await gate.pass()
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: true, attempt: 1 })
    expect(await gate.ledger(payer)).toEqual({ references: ['deposit 1'], balanceMicros: HOUR })
    expect(await gate.events(payer)).toEqual(['deposit.pending', 'deposit.credited'])
  })

  test('a credit that was removed while nobody looked is taken back, however final the block that replaced it', async () => {
    const { payer, hash } = await payAndMine(6)
    await chain.reorg(7)
    await chain.mine(3 * FINALITY)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'reversed', final: false })
    expect(await gate.ledger(payer)).toEqual({
      references: ['deposit 1', 'deposit_reversal 1'],
      balanceMicros: 0n,
    })
  })

  test('a credit that moved is final only when the finalized block passes where it is now', async () => {
    const { hash, raw, paid } = await payAndMine(8)
    await chain.reorg(8, [{ raw, atBlock: 4 }])
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: false, attempt: 1 })
    await chain.mine(Number(paid.number + 3n - (await finalized())))
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ final: false })
    await chain.mine(1)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: true, attempt: 1 })
  })
})

describe('a reorg after the credit', () => {
  test('again and again: each credit is taken back once and given again once', async () => {
    const { payer, hash, raw } = await payAndMine(8)
    const expected = ['deposit 1']
    for (const attempt of [1, 2, 3]) {
      await chain.reorg(8)
      await gate.pass()
      await gate.pass()
      expect(await gate.deposit(hash)).toMatchObject({ state: 'reversed', attempt })
      await mineAgain(raw, 5)
      gate.skip(SEARCH_PAUSE_MS)
      await gate.pass()
      await gate.pass()
      expect(await gate.deposit(hash)).toMatchObject({ state: 'pending', attempt, micros: null })
      await chain.mine(3)
      await gate.pass()
      await gate.pass()
      expected.push(`deposit_reversal ${attempt}`, `deposit ${attempt + 1}`)
      expect(await gate.ledger(payer)).toEqual({ references: expected, balanceMicros: HOUR })
    }
    const told = await gate.events(payer)
    expect(told.filter((kind) => kind === 'deposit.credited')).toHaveLength(4)
    expect(told.filter((kind) => kind === 'deposit.reversed')).toHaveLength(3)
  })

  test('that leaves the chain shorter takes nothing back before the other chain is as deep', async () => {
    const { payer, hash, paid } = await payAndMine(6)
    const rollback = chain.client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
    await rollback({ method: 'anvil_rollback', params: [8] })
    for (let blocks = 0; blocks <= Number(paid.number) + 4 - Number(paid.number - 3n); blocks++) {
      expect((await chain.head()).number - paid.number + 1n).toBeLessThan(6n)
      await gate.pass()
      expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', attempt: 1 })
      await chain.mine(1)
    }
    expect((await chain.head()).number - paid.number + 1n).toBe(6n)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'reversed' })
    expect((await gate.ledger(payer)).balanceMicros).toBe(0n)
  })

  test('that drops one of two small payments credited together: back again, it is credited again', async () => {
    const payer = await newSigner(chain)
    const [first, second] = [await payer.payEther(ETHER / 2n), await payer.payEther(ETHER / 2n)]
    await chain.mineWith(chain.resend(first.raw))
    await chain.mine(4)
    await chain.mineWith(chain.resend(second.raw))
    for (const { hash } of [first, second]) await gate.submit(hash)
    await chain.mine(7)
    await gate.pass()
    expect(await gate.ledger(payer.address)).toEqual({
      references: ['deposit 1', 'deposit 1'],
      balanceMicros: HOUR,
    })
    await chain.reorg(8)
    await gate.pass()
    expect(await gate.deposit(first.hash)).toMatchObject({ state: 'credited' })
    expect(await gate.deposit(second.hash)).toMatchObject({ state: 'reversed' })
    expect((await gate.ledger(payer.address)).balanceMicros).toBe(HOUR / 2n)
    await mineAgain(second.raw, 6)
    gate.skip(SEARCH_PAUSE_MS)
    await gate.pass()
    await gate.pass()
    expect(await gate.deposit(second.hash)).toMatchObject({ state: 'credited', attempt: 2 })
    expect((await gate.ledger(payer.address)).balanceMicros).toBe(HOUR)
  })

  test('that swaps two payers’ payments moves each credit to its own new block', async () => {
    const signers = [await newSigner(chain), await newSigner(chain)]
    const [one, two] = [await payAndMine(1, signers[0]), await payAndMine(8, signers[1])]
    expect(await gate.deposit(one.hash)).toMatchObject({ state: 'credited' })
    expect(await gate.deposit(two.hash)).toMatchObject({ state: 'credited' })
    const raws = [two.raw, one.raw]
    await chain.reorg(
      9,
      raws.map((raw, index) => ({ raw, atBlock: 1 + 3 * index })),
    )
    await gate.pass()
    for (const { payer, hash } of [one, two]) {
      const { blockHash } = await chain.receipt(hash)
      expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', attempt: 1, blockHash })
      expect(await gate.events(payer)).toEqual(['deposit.pending', 'deposit.credited'])
    }
  })
})

describe('a submission', () => {
  test('of a transaction that a reorg removed gives nothing, and does not stop it from coming back', async () => {
    const { payer, hash, raw } = await payAndMine(3)
    await chain.reorg(3)
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'orphaned' })
    expect((await gate.submit(hash)).kind).toBe('found')
    expect(await gate.ledger(payer)).toEqual({ references: [], balanceMicros: 0n })
    await mineAgain(raw, 6)
    await gate.submit(hash)
    await gate.pass()
    await gate.pass()
    expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', attempt: 1 })
  })

  test('of a credit whose block a reorg has just removed does not credit twice', async () => {
    const { payer, hash, raw } = await payAndMine(6)
    await chain.reorg(6, [{ raw, atBlock: 0 }])
    await Promise.all([gate.submit(hash), gate.pass(), gate.submit(hash)])
    await chain.mine(6)
    await Promise.all([gate.submit(hash), gate.pass(), gate.pass()])
    expect(await gate.ledger(payer)).toEqual({ references: ['deposit 1'], balanceMicros: HOUR })
  })
})
