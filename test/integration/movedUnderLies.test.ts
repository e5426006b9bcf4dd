import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import { type LiedPayment, lies } from '../support/lies.ts'
import {
  booksOf,
  creditedOnce,
  healAll,
  type LyingScene,
  passForAMinute,
  startLyingScene,
  tellAll,
} from '../support/startLyingScene.ts'

// Issue 10, A4: a reorg moves a payment that is credited already, and just then every RPC says something of it that is not so.
// Goal: the credit is taken back (the RPCs say so), and given again once they show the payment, without help: what they said
// for a while is not the last word. Method: the gate alone, each lie that there is, also one that is told only once.

describe.each([1, 2])('with %i RPC(s)', (rpcs) => {
  let scene: LyingScene
  beforeAll(async () => {
    scene = await startLyingScene(rpcs)
  })
  afterEach(() => healAll(scene))
  afterAll(() => scene?.end())

  /** Pays, is credited, and is moved by a reorg to a block that is 5 deep, while the RPCs lie. */
  async function creditAndMove(lie: (typeof lies)[number]): Promise<LiedPayment> {
    const { chain, gate } = scene
    const payment = await lie.sign(scene)
    const { number } = await chain.mineWith(chain.resend(payment.raw))
    await rescan(gate.deps, { chainId: chain.chainId, fromBlock: number, toBlock: number, ether: true })
    await chain.mine(7)
    await gate.pass()
    expect(await booksOf(gate, payment)).toEqual(creditedOnce(payment))
    tellAll(scene, lie, payment)
    await chain.reorg(8, [{ raw: payment.raw, atBlock: 3 }])
    await gate.pass()
    expect(await booksOf(gate, payment)).toMatchObject({
      references: ['deposit 1', 'deposit_reversal 1'],
      balanceMicros: 0n,
    })
    return payment
  }

  async function expectCreditedAgain(payment: LiedPayment): Promise<void> {
    await passForAMinute(scene.gate)
    expect(await booksOf(scene.gate, payment)).toEqual({
      state: 'credited',
      reason: null,
      references: ['deposit 1', 'deposit_reversal 1', 'deposit 2'],
      balanceMicros: payment.micros,
    })
  }

  test.each(lies)('$name, once: taken back, then credited again', async (lie) => {
    const payment = await creditAndMove(lie)
    await healAll(scene)
    await scene.chain.mine(3)
    await expectCreditedAgain(payment)
  })

  test.each(lies)('$name, until it is six deep again and beyond: the same', async (lie) => {
    const { chain, gate } = scene
    const payment = await creditAndMove(lie)
    await chain.mine(3)
    for (let looks = 0; looks < 3; looks++) {
      gate.skip(60_000)
      await gate.pass()
      expect((await booksOf(gate, payment)).balanceMicros).toBe(0n)
    }
    await healAll(scene)
    await expectCreditedAgain(payment)
  })
})
