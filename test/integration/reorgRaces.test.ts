import { type Hash, numberToHex, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { postponeDeposits } from '../../billing/deposits/changeDeposits.ts'
import { creditDeposits } from '../../billing/deposits/creditDeposits.ts'
import type { OpenDeposit } from '../../billing/deposits/deposit.ts'
import { selectByTransaction } from '../../billing/deposits/selectDeposits.ts'
import { proveDeposits } from '../../billing/gate/proveDeposits.ts'
import { HOUR } from '../support/lies.ts'
import { newSigner } from '../support/newSigner.ts'
import { healAll, type LyingScene, startLyingScene } from '../support/startLyingScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Issue 10, E19: a reorg in the middle of what the gate does. Goal: nothing is credited by the state of another block than the
// payment's, and no credit escapes the watch because it was written while a pass set its anchor. Method: the RPC has the reorg
// or the credit happen when it is asked for a certain thing.

const ETHER = parseEther('0.0005')

let scene: LyingScene
beforeAll(async () => {
  scene = await startLyingScene(1)
})
afterEach(() => healAll(scene))
afterAll(() => scene?.end())

/** Pays, hands the hash in, and mines that many blocks with the payment's own. */
async function pay(blocks: number) {
  const { chain, gate } = scene
  const payer = await newSigner(chain)
  const { hash, raw } = await payer.payEther(ETHER)
  const { number } = await chain.mineWith(chain.resend(raw))
  await gate.submit(hash)
  await chain.mine(blocks - 1)
  return { payer: payer.address, hash, raw, number }
}

describe('a reorg after the block was looked at and before its state is read', () => {
  test('nothing is credited by that state; the payment is, by the block where it is now', async () => {
    const { chain, axgt, gate, proxies } = scene
    const holder = await newSigner(chain, [axgt])
    const paid = await pay(6)
    const gift = await holder.call(axgt, 'transfer', [paid.payer, parseUnits('1000', 18)])
    proxies[0]?.before('eth_call', () =>
      chain.reorg(6, [
        { raw: gift.raw, atBlock: 0 },
        { raw: paid.raw, atBlock: 0 },
      ]),
    )
    await gate.pass()
    expect((await chain.receipt(gift.hash)).blockNumber).toBe(paid.number)
    expect(await gate.deposit(paid.hash)).toMatchObject({ state: 'pending' })
    expect((await gate.ledger(paid.payer)).references).toEqual([])

    for (let passes = 0; passes < 3; passes++) {
      gate.skip(5_000)
      await gate.pass()
    }
    const { blockHash } = await chain.receipt(paid.hash)
    expect(await gate.deposit(paid.hash)).toMatchObject({ state: 'credited', blockHash, attempt: 1 })
    expect((await gate.ledger(paid.payer)).balanceMicros).toBeGreaterThan(HOUR)
  })
})

describe('a credit that is written while a pass sets its anchor', () => {
  /** All is proven, and nothing written yet: as in a process that stands still at this moment. */
  async function prove(hash: Hash): Promise<{ deposit: OpenDeposit; credit: () => Promise<unknown> }> {
    const { database, gate } = scene
    const [deposit] = await selectByTransaction(database.sql, hash)
    if (deposit === undefined) throw new Error('there is no deposit')
    const decisions = await proveDeposits(gate.deps, gate.gateChain, [deposit], deposit.blockNumber)
    const credits = decisions.filter((decision) => decision.kind === 'credit')
    expect(credits).toHaveLength(1)
    // The passes of this test are not to decide it.
    await postponeDeposits(database.sql, [deposit], new Date(Date.now() + 3_600_000))
    const limits = {
      finalizedNumber: 0n,
      meter: gate.deps.meterLimits,
      axgtDailyCapMicros: null,
      axgtMaxDeviationPercent: null,
    }
    return { deposit, credit: () => creditDeposits(database.sql, credits, limits) }
  }

  /** Has something happen in the next pass once it has listed the credits that it watches. */
  async function whenListed(act: () => Promise<unknown>): Promise<void> {
    const watched = await pay(6)
    await scene.gate.submit(watched.hash)
    await scene.gate.pass()
    expect(await scene.gate.deposit(watched.hash)).toMatchObject({ state: 'credited' })
    scene.proxies[0]?.before('eth_getBlockByNumber', act, ([block]) => block === numberToHex(watched.number))
  }

  /** Drops the newest 8 blocks, the anchor among them, and the payment 6 deep; not the one that is watched. */
  const drop = () => scene.chain.reorg(8)

  async function expectTakenBack(payment: { hash: Hash; payer: `0x${string}` }): Promise<void> {
    const { chain, gate } = scene
    expect(await gate.deposit(payment.hash)).toMatchObject({ state: 'credited', attempt: 1 })
    await chain.mine(1)
    await gate.pass()
    expect(await gate.deposit(payment.hash)).toMatchObject({ state: 'reversed', attempt: 1 })
    expect(await gate.ledger(payment.payer)).toEqual({
      references: ['deposit 1', 'deposit_reversal 1'],
      balanceMicros: 0n,
    })
  }

  test('in a block that a reorg has removed meanwhile: the next pass takes it back', async () => {
    let credit: () => Promise<unknown> = async () => {}
    await whenListed(() => credit())
    const payment = await pay(6)
    ;({ credit } = await prove(payment.hash))
    await drop()
    await scene.gate.pass()
    await expectTakenBack(payment)
  })

  test('and whose transaction began before that pass: the same', async () => {
    const { database } = scene
    let release: () => Promise<unknown> = async () => {}
    await whenListed(() => release())
    const payment = await pay(6)
    const { deposit, credit } = await prove(payment.hash)
    await drop()
    const holder = await database.sql.reserve()
    await holder`begin`
    await holder`select from credits.deposit where id = ${deposit.id} for update`
    const written = credit()
    await waitUntil(() => waitsForALock(database.sql), {
      withinMs: 30_000,
      what: 'the credit to wait for the lock',
    })
    release = async () => {
      await holder`commit`
      await written
    }
    await scene.gate.pass()
    holder.release()
    await expectTakenBack(payment)
  })
})

async function waitsForALock(sql: LyingScene['database']['sql']): Promise<boolean> {
  const rows = await sql`
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%credits.deposit%'`
  return rows.length > 0
}
