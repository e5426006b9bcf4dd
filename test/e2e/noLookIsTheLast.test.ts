import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import { type Lie, type LiedPayment, lies } from '../support/lies.ts'
import {
  booksOf,
  creditedOnce,
  healAll,
  type LyingScene,
  passForAMinute,
  startLyingScene,
  tellAll,
} from '../support/startLyingScene.ts'

// Issue 10, A1: every RPC says for a while that a block which stands does not hold the payment, or not all of it. Goal: held
// for as long as they say so, and credited once, in full, within a minute of the healing. Method: the gate alone, which nobody
// helps; a payment becomes known in each of the ways there are.

describe.each([1, 2])('with %i RPC(s)', (rpcs) => {
  let scene: LyingScene
  beforeAll(async () => {
    scene = await startLyingScene(rpcs)
  })
  afterEach(() => healAll(scene))
  afterAll(() => scene?.end())

  /** Mines signed payments in one block. */
  async function mine(...payments: LiedPayment[]): Promise<bigint> {
    const { chain } = scene
    const { number } = await chain.mineWith(...payments.map(({ raw }) => chain.resend(raw)))
    return number
  }

  /** What an indexer, a sweep or an operator sees of a block. */
  async function sight(block: bigint): Promise<void> {
    const { chainId } = scene.chain
    await rescan(scene.gate.deps, { chainId, fromBlock: block, toBlock: block, ether: true })
  }

  async function expectHeldThenCredited(lie: Lie, payment: LiedPayment): Promise<void> {
    const { gate } = scene
    for (let looks = 0; looks < 3; looks++) {
      gate.skip(60_000)
      await gate.pass()
      const held = { state: 'held', reason: lie.reason, references: [], balanceMicros: 0n }
      expect(await booksOf(gate, payment)).toEqual(held)
    }
    await healAll(scene)
    await expectCreditedWithoutHelp(payment)
    expect(await gate.events(payment.payer)).toEqual(['deposit.pending', 'deposit.held', 'deposit.credited'])
  }

  async function expectCreditedWithoutHelp(payment: LiedPayment): Promise<void> {
    await passForAMinute(scene.gate)
    expect(await booksOf(scene.gate, payment)).toEqual(creditedOnce(payment))
    await passForAMinute(scene.gate)
    expect(await booksOf(scene.gate, payment)).toEqual(creditedOnce(payment))
  }

  test.each(lies)('$name, while a payment that was seen becomes six deep', async (lie) => {
    const payment = await lie.sign(scene)
    await sight(await mine(payment))
    tellAll(scene, lie, payment)
    await scene.chain.mine(5)
    await expectHeldThenCredited(lie, payment)
  })

  test.each(lies)('$name, from the sixth block on, in a block of many', async (lie) => {
    const { chain, gate } = scene
    const payments = []
    for (let made = 0; made < 9; made++) payments.push(await lie.sign(scene))
    const [payment, ...others] = payments as [LiedPayment, ...LiedPayment[]]
    await sight(await mine(...payments))
    await chain.mine(4)
    await gate.pass()
    expect(await gate.deposit(payment.hash)).toMatchObject({ state: 'pending' })
    tellAll(scene, lie, payment)
    await chain.mine(1)
    await gate.pass()
    for (const other of others) expect(await booksOf(gate, other)).toEqual(creditedOnce(other))
    await expectHeldThenCredited(lie, payment)
  })

  test.each(lies)('$name, and only a submission made it known before', async (lie) => {
    const payment = await lie.sign(scene)
    await mine(payment)
    await scene.gate.submit(payment.hash)
    tellAll(scene, lie, payment)
    await scene.chain.mine(5)
    await scene.gate.submit(payment.hash)
    await expectHeldThenCredited(lie, payment)
  })

  test.each(lies)('$name, when it is submitted first, and nothing else ever shows it', async (lie) => {
    const { chain, gate } = scene
    const payment = await lie.sign(scene)
    await mine(payment)
    tellAll(scene, lie, payment)
    await gate.submit(payment.hash)
    await chain.mine(5)
    await gate.submit(payment.hash)
    for (let looks = 0; looks < 3; looks++) {
      gate.skip(20_000)
      await gate.pass()
    }
    // What is said to be paid in part would be credited in part: the whole was never seen anywhere.
    if (lie.reason === 'rpc_disagreement') return
    expect((await gate.ledger(payment.payer)).references).toEqual([])
    await healAll(scene)
    await expectCreditedWithoutHelp(payment)
  })

  // Seventy looks each: one lie of each reason tells as much as all of them.
  test.each(lies.slice(0, 2))(
    '$name, and a sweep, a rescan or an index shows it again meanwhile',
    async (lie) => {
      const { chain, gate } = scene
      const payment = await lie.sign(scene)
      const block = await mine(payment)
      await sight(block)
      tellAll(scene, lie, payment)
      await chain.mine(5)
      await gate.pass()
      gate.skip(3_600_000)
      for (let looks = 0; looks < 70; looks++) {
        gate.skip(60_000)
        await gate.pass()
      }
      // Looked at every five minutes by now; who sees it again makes it due at once.
      await healAll(scene)
      await sight(block)
      await gate.pass()
      expect(await booksOf(gate, payment)).toEqual(creditedOnce(payment))
    },
  )
})
