import { parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { releaseDeposit } from '../../billing/desk/releaseDeposit.ts'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import { HOUR, type Lie, type LiedPayment, lies } from '../support/lies.ts'
import { newSigner } from '../support/newSigner.ts'
import type { GateScene } from '../support/startGateScene.ts'
import {
  booksOf,
  creditedOnce,
  healAll,
  type LyingScene,
  passForAMinute,
  startLyingScene,
  tellAll,
} from '../support/startLyingScene.ts'

// Issue 10, A2 and A3: the service is started again with other settings while payments wait. Goal: what was seen under other
// settings is never judged, and never lost; under the old settings again it is credited within a minute, without help.
// Method: the gate alone, opened again and again on the same chain and books, with the settings of the moment.

const lieNamed = (name: string) => lies.find((lie) => lie.name === name) as Lie
const dollar = lieNamed('a receipt without its logs')
const ether = lieNamed('status 0x0 of a plain payment')
const inside = lieNamed('a trace without its inner calls')
const everyKind = [dollar, ether, inside]

let scene: LyingScene
beforeAll(async () => {
  scene = await startLyingScene(2)
})
afterEach(() => healAll(scene))
afterAll(() => scene?.end())

/** Mines payments in one block, and has the gate see them as an index shows them. */
async function payAndSee(...payments: LiedPayment[]): Promise<void> {
  const { chain, gate } = scene
  const { number } = await chain.mineWith(...payments.map(({ raw }) => chain.resend(raw)))
  await rescan(gate.deps, { chainId: chain.chainId, fromBlock: number, toBlock: number, ether: true })
  for (const { hash } of payments) expect(await gate.deposit(hash)).toMatchObject({ state: 'pending' })
}

/** A payment of each kind that waits for confirmations, and one of each that is held since the RPCs did not show it. */
async function payPendingAndHeld() {
  const { chain, gate } = scene
  const sign = (lie: Lie) => lie.sign(scene)
  const held: LiedPayment[] = []
  for (const lie of everyKind) held.push(await sign(lie))
  const pending: LiedPayment[] = []
  for (const lie of everyKind) pending.push(await sign(lie))
  await payAndSee(...held)
  for (const [index, payment] of held.entries()) tellAll(scene, everyKind[index] as Lie, payment)
  await chain.mine(5)
  await gate.pass()
  for (const payment of held) {
    expect(await booksOf(gate, payment)).toMatchObject({ state: 'held', reason: 'payment_not_seen' })
  }
  await healAll(scene)
  await payAndSee(...pending)
  return { held, pending, all: [...held, ...pending] }
}

/** Passes as long as it likes: everything is held for this reason, and nothing is booked. */
async function expectHeld(gate: GateScene, reason: string, payments: LiedPayment[]): Promise<void> {
  await scene.chain.mine(6)
  for (let looks = 0; looks < 3; looks++) {
    gate.skip(60_000)
    await gate.pass()
    for (const payment of payments) {
      expect(await booksOf(gate, payment)).toEqual({
        state: 'held',
        reason,
        references: [],
        balanceMicros: 0n,
      })
    }
  }
}

async function expectCreditedWithoutHelp(gate: GateScene, payments: LiedPayment[]): Promise<void> {
  await passForAMinute(gate)
  for (const payment of payments) expect(await booksOf(gate, payment)).toEqual(creditedOnce(payment))
}

/** The chain's rails without that of an asset. */
function railsWithout(asset: 'eth' | 'usdc'): string {
  const { chainId } = scene.chain
  return ['eth', 'usdc', 'axgt']
    .filter((one) => one !== asset)
    .map((one) => `${one}:${chainId}`)
    .join(',')
}

describe('REVENUE_WALLET is changed', () => {
  const toAnother = () => scene.restart({ REVENUE_WALLET: scene.chain.accounts.buyer })

  test('with payments pending and held: each waits as setup_changed, and is credited once it is changed back', async () => {
    const { all } = await payPendingAndHeld()
    const other = await toAnother()
    await expectHeld(other, 'setup_changed', all)
    // A restart with the same settings decides no more than the first.
    await expectHeld(await toAnother(), 'setup_changed', all)
    await expectCreditedWithoutHelp(await scene.restart({}), all)
  })

  test('while a reorg has dropped a payment: mined again meanwhile it waits too, and is credited after it', async () => {
    const { chain, gate } = scene
    const payment = await dollar.sign(scene)
    await payAndSee(payment)
    await chain.mine(1)
    await chain.reorg(2)
    await gate.pass()
    expect(await gate.deposit(payment.hash)).toMatchObject({ state: 'orphaned' })
    const other = await toAnother()
    await chain.mineWith(chain.resend(payment.raw))
    other.skip(60_000)
    await other.pass()
    await expectHeld(other, 'setup_changed', [payment])
    await expectCreditedWithoutHelp(await scene.restart({}), [payment])
  })

  test('and an operator releases what waits: credited by what it was paid to, once, also after the change back', async () => {
    const { chain, database } = scene
    const payments = [await dollar.sign(scene), await ether.sign(scene)]
    await payAndSee(...payments)
    const other = await toAnother()
    await expectHeld(other, 'setup_changed', payments)
    for (const payment of payments) {
      const [row] = await database.sql<{ id: string }[]>`
        select id from credits.deposit where tx_hash = ${payment.hash}`
      const atBlock = (await chain.head()).number - 5n
      const order = { depositId: row?.id ?? '', atBlock, releasedBy: 'operator', note: null }
      const outcome = await releaseDeposit(other.deps, { ...order, acceptDeviation: false, dryRun: false })
      expect(outcome).toMatchObject({ kind: 'released', attempt: 1 })
      expect(await booksOf(other, payment)).toEqual(creditedOnce(payment))
    }
    await expectCreditedWithoutHelp(await scene.restart({}), payments)
  })
})

test('the token of a rail is another: what was paid in the old one waits as setup_changed, and is credited after it', async () => {
  const { chain } = scene
  const { all, held, pending } = await payPendingAndHeld()
  const inTokens = [held[0], pending[0]] as LiedPayment[]
  const token = await chain.deployToken('USDC', 6)
  const other = await scene.restart({ [`USDC_ADDRESS_${chain.chainId}`]: token.address })
  await expectHeld(other, 'setup_changed', inTokens)
  await expectCreditedWithoutHelp(await scene.restart({}), all)
})

describe('RAILS without a rail', () => {
  test.each(['usdc', 'eth'] as const)(
    '%s: what is pending and held waits as rail_disabled, and is credited once the rail is there again',
    async (asset) => {
      const { held, pending } = await payPendingAndHeld()
      const isOfIt = (lie: Lie) => (lie === dollar) === (asset === 'usdc')
      const ofIt = [held, pending].flatMap((group) => group.filter((_, n) => isOfIt(everyKind[n] as Lie)))
      const others = [held, pending].flatMap((group) => group.filter((_, n) => !isOfIt(everyKind[n] as Lie)))
      const without = await scene.restart({ RAILS: railsWithout(asset) })
      await expectHeld(without, 'rail_disabled', ofIt)
      for (const other of others) expect(await booksOf(without, other)).toEqual(creditedOnce(other))
      await expectCreditedWithoutHelp(await scene.restart({}), ofIt)
    },
  )

  test('rows of the old state `rejected` are held as rail_disabled, and credited once the rail is there', async () => {
    const { chain, database } = scene
    const payments = [await dollar.sign(scene), await dollar.sign(scene)]
    const [first, second] = payments as [LiedPayment, LiedPayment]
    await payAndSee(...payments)
    // As the version before left them: without what they were seen under.
    const rejectAll = () => database.sql`
      update credits.deposit
      set state = 'rejected', reason = 'rail_disabled', retry_at = null, seen_wallet = null, seen_token = null,
        seen_by = null, seen_base_units = null
      where tx_hash in (${first.hash}, ${second.hash}) and state <> 'credited'`
    await rejectAll()
    const without = await scene.restart({ RAILS: railsWithout('usdc') })
    await expectHeld(without, 'rail_disabled', payments)
    await expectCreditedWithoutHelp(await scene.restart({}), payments)

    // And where the rail is there at the first start of this version already.
    const third = await dollar.sign(scene)
    await payAndSee(third)
    await database.sql`
      update credits.deposit set state = 'rejected', reason = 'rail_disabled', retry_at = null, seen_wallet = null,
        seen_token = null, seen_by = null, seen_base_units = null
      where tx_hash = ${third.hash}`
    await chain.mine(6)
    await expectCreditedWithoutHelp(await scene.restart({}), [third])
  })
})

describe('traces give way to transactions (two RPCs)', () => {
  const withoutTraces = () => scene.restart({ ETH_DETECTION: 'transactions' })
  const TEN_ETHER = parseEther('10')

  /** 10 ETH from within a contract. */
  async function signTenEther(): Promise<LiedPayment> {
    const { chain } = scene
    const contract = await chain.deploy('MultiPayer')
    const signer = await newSigner(chain)
    await chain.client.setBalance({ address: signer.address, value: 2n * TEN_ETHER })
    const args = [chain.accounts.revenue, [TEN_ETHER]]
    const signed = await signer.call(contract, 'payEth', args, TEN_ETHER)
    return { ...signed, payer: contract.address, micros: 20_000n * HOUR }
  }

  test('while an internal payment of 10 ETH is pending: it waits, plain ones do not, and it is credited with traces', async () => {
    const internal = await signTenEther()
    const plain = await ether.sign(scene)
    await payAndSee(internal, plain)
    const weaker = await withoutTraces()
    await expectHeld(weaker, 'setup_changed', [internal])
    expect(await booksOf(weaker, plain)).toEqual(creditedOnce(plain))
    await expectCreditedWithoutHelp(await scene.restart({}), [internal])
  })

  test('and a reorg moves it meanwhile, or drops it for a while: the same', async () => {
    const { chain } = scene
    const [moved, dropped] = [await signTenEther(), await signTenEther()]
    await payAndSee(moved, dropped)
    await chain.mine(2)
    const weaker = await withoutTraces()
    await chain.reorg(3, [{ raw: moved.raw, atBlock: 1 }])
    await weaker.pass()
    expect(await weaker.deposit(moved.hash)).toMatchObject({ state: 'pending' })
    expect(await weaker.deposit(dropped.hash)).toMatchObject({ state: 'orphaned' })
    await chain.mineWith(chain.resend(dropped.raw))
    weaker.skip(60_000)
    await weaker.pass()
    await expectHeld(weaker, 'setup_changed', [moved, dropped])
    await expectCreditedWithoutHelp(await scene.restart({}), [moved, dropped])
  })

  test('a credit of what a trace showed stays while a reorg moves it, and is not taken back for want of traces', async () => {
    const { chain, gate } = scene
    const payment = await signTenEther()
    await payAndSee(payment)
    await chain.mine(6)
    await gate.pass()
    expect(await booksOf(gate, payment)).toEqual(creditedOnce(payment))
    const weaker = await withoutTraces()
    await chain.reorg(7, [{ raw: payment.raw, atBlock: 3 }])
    for (let looks = 0; looks < 3; looks++) {
      await chain.mine(2)
      weaker.skip(60_000)
      await weaker.pass()
      expect(await booksOf(weaker, payment)).toEqual(creditedOnce(payment))
    }
    const again = await scene.restart({})
    await expectCreditedWithoutHelp(again, [payment])
    const { blockHash } = await chain.receipt(payment.hash)
    expect(await again.deposit(payment.hash)).toMatchObject({ attempt: 1, blockHash })
  })

  test('one API replica without traces gets the hash: the gate with traces finds and credits it', async () => {
    const { chain, gate } = scene
    const replica = await withoutTraces()
    const payment = await signTenEther()
    await chain.mineWith(chain.resend(payment.raw))
    await replica.submit(payment.hash)
    await chain.mine(5)
    const answer = await replica.submit(payment.hash)
    expect(outcomeOf(answer)).not.toBe('settled')
    expect(await gate.deposit(payment.hash)).toBeUndefined()
    await expectCreditedWithoutHelp(gate, [payment])
  })

  test('and of a payment that the gate knows, the replica decides nothing', async () => {
    const { chain, gate } = scene
    const replica = await withoutTraces()
    const payment = await signTenEther()
    await payAndSee(payment)
    await chain.mine(5)
    expect(outcomeOf(await replica.submit(payment.hash))).toBe('pending')
    expect(await gate.deposit(payment.hash)).toMatchObject({ state: 'pending', reason: null })
    await gate.pass()
    expect(await booksOf(gate, payment)).toEqual(creditedOnce(payment))
    expect(await gate.events(payment.payer)).toEqual(['deposit.pending', 'deposit.credited'])
  })
})

function outcomeOf(answer: Awaited<ReturnType<GateScene['submit']>>): string {
  return answer.kind === 'found' ? answer.transaction.outcome : answer.kind
}
