import { describe, expect, test } from 'vitest'
import type { Evidence, UnreadTransaction } from '../../../billing/chain/proof/evidence.ts'
import type { Agreed } from '../../../billing/chain/rpc/agree.ts'
import type { OpenDeposit, SeenUnder } from '../../../billing/deposits/deposit.ts'
import { type PlanContext, planDeposit } from '../../../billing/gate/planDeposit.ts'
import { feed, marketPricing, NOW, reading } from '../pricing/readings.ts'
import {
  AT,
  BLOCK,
  context,
  deposit,
  ETHER,
  HOUR,
  HOUR_OF_ETHER,
  OTHER,
  PAYER,
  proven,
  TX,
  WALLET,
} from './decisionCases.ts'

const ether = deposit('eth')
const noCode: PlanContext = context('eth', { rail: undefined })
const disagreement: Agreed<Evidence> = { kind: 'disagreement', detail: 'two differ' }

describe('without proof', () => {
  test.each<[string, Agreed<Evidence>, object]>([
    ['the RPCs are behind: wait', { kind: 'behind' }, { kind: 'wait' }],
    ['the RPCs are silent: wait', { kind: 'unavailable', detail: 'none answers' }, { kind: 'wait' }],
    [
      'they contradict each other: hold, and say how',
      disagreement,
      { kind: 'hold', reason: 'rpc_disagreement', detail: 'two differ' },
    ],
    [
      'the state is gone: hold',
      { kind: 'state_unavailable', detail: 'rpc 1 has forgotten' },
      { kind: 'hold', reason: 'state_unavailable', detail: 'rpc 1 has forgotten' },
    ],
    [
      'another block stands there: look where it went',
      { kind: 'agreed', value: { canonical: false, canonicalHash: `0x${'33'.repeat(32)}` } },
      { kind: 'lost' },
    ],
    ['of other transactions only: wait', proven('eth', ETHER, { transactions: [] }), { kind: 'wait' }],
  ])('%s', (_name, evidence, expected) => {
    expect(planDeposit(ether, evidence, context('eth'))).toEqual({ ...expected, deposit: ether })
  })

  test.each<[string, Agreed<Evidence>]>([
    ['proven', proven('eth', ETHER)],
    ['behind', { kind: 'behind' }],
    ['in disagreement', disagreement],
  ])('a rail that is off waits for it, even when it is %s', (_name, evidence) => {
    expect(planDeposit(ether, evidence, noCode)).toEqual({
      kind: 'hold',
      deposit: ether,
      reason: 'rail_disabled',
      detail: 'eth:1 is not in RAILS',
    })
  })
})

describe('a block that stands and does not hold the payment', () => {
  const paid = { asset: 'eth' as const, payer: PAYER, amountBaseUnits: ETHER }
  test.each([
    ['the transaction failed', { txHash: TX, succeeded: false, transfers: [] }],
    ['it failed, whatever transfers are claimed', { txHash: TX, succeeded: false, transfers: [paid] }],
    ['it pays nothing', { txHash: TX, succeeded: true, transfers: [] }],
    ['somebody else pays', { txHash: TX, succeeded: true, transfers: [{ ...paid, payer: OTHER }] }],
    [
      'it pays another asset',
      { txHash: TX, succeeded: true, transfers: [{ ...paid, asset: 'usdc' as const }] },
    ],
  ])('%s: held until the RPCs show it, never given up', (_name, transaction) => {
    const evidence = proven('eth', ETHER, { transactions: [transaction] })
    expect(planDeposit(ether, evidence, context('eth'))).toMatchObject({
      kind: 'hold',
      reason: 'payment_not_seen',
      deposit: ether,
    })
  })
})

describe('evidence of this very transaction that cannot be had', () => {
  const without = (unread: UnreadTransaction) => proven('eth', ETHER, { transactions: [], unread: [unread] })

  test.each<[string, UnreadTransaction, object]>([
    [
      'no trace of it',
      { txHash: TX, kind: 'unavailable', detail: 'rpc 1: too large' },
      { kind: 'hold', reason: 'evidence_unavailable', detail: 'rpc 1: too large' },
    ],
    [
      'two RPCs that contradict each other about it',
      { txHash: TX, kind: 'disagreement', detail: 'two differ' },
      { kind: 'hold', reason: 'rpc_disagreement', detail: 'two differ' },
    ],
    ['no receipt yet', { txHash: TX, kind: 'behind' }, { kind: 'wait' }],
  ])('%s', (_name, unread, expected) => {
    expect(planDeposit(ether, without(unread), context('eth'))).toEqual({ ...expected, deposit: ether })
  })

  test('a receipt that stays away for more than a minute is told, and waited for all the same', () => {
    const evidence = without({ txHash: TX, kind: 'behind' })
    expect(planDeposit(deposit('eth', { failures: 7 }), evidence, context('eth')).kind).toBe('wait')
    const told = { kind: 'hold', reason: 'evidence_unavailable' }
    expect(planDeposit(deposit('eth', { failures: 8 }), evidence, context('eth'))).toMatchObject(told)
    const held = deposit('eth', { state: 'held', reason: 'evidence_unavailable' })
    expect(planDeposit(held, evidence, context('eth'))).toMatchObject(told)
  })
})

describe('what was seen', () => {
  const under: SeenUnder = { wallet: WALLET, token: null, by: 'traces' }
  const seen = (change: Partial<OpenDeposit> = {}) =>
    deposit('eth', { seenBaseUnits: ETHER, seenUnder: under, ...change })
  const nothing = proven('eth', ETHER, { transactions: [{ txHash: TX, succeeded: true, transfers: [] }] })
  const byTransactions = context('eth', { setup: { wallet: WALLET, ethDetection: 'transactions' } })

  test('and is proven in the same amount is credited', () => {
    expect(planDeposit(seen(), proven('eth', ETHER), context('eth')).kind).toBe('credit')
  })

  test.each([
    ['less', ETHER - 1n],
    ['more', ETHER + 1n],
  ])('and is proven to be %s is held: one of the two is wrong', (_name, amount) => {
    expect(planDeposit(seen(), proven('eth', amount), context('eth'))).toMatchObject({
      kind: 'hold',
      reason: 'rpc_disagreement',
    })
  })

  test('is outweighed by about a day of looks that say the same, and by nothing less', () => {
    const half = proven('eth', ETHER / 2n)
    const first = planDeposit(seen(), half, context('eth'))
    if (first.kind !== 'hold') throw new Error(first.kind)
    const held = (failures: number, detail = first.detail) =>
      seen({ state: 'held', reason: 'rpc_disagreement', detail, failures })
    expect(planDeposit(held(499), half, context('eth')).kind).toBe('hold')
    expect(planDeposit(held(500, 'two differ'), half, context('eth')).kind).toBe('hold')
    expect(planDeposit(held(500), proven('eth', ETHER / 4n), context('eth')).kind).toBe('hold')
    expect(planDeposit(held(500), half, context('eth'))).toMatchObject({
      kind: 'credit',
      amountBaseUnits: ETHER / 2n,
    })
  })

  test('in another block only is outweighed by a minute of looks that show less, and doubted where they show more by none', () => {
    const moved = (change: Partial<OpenDeposit> = {}) =>
      seen({ seenBaseUnits: null, amountBaseUnits: ETHER, ...change })
    const first = planDeposit(moved(), proven('eth', ETHER / 2n), context('eth'))
    expect(first).toMatchObject({ kind: 'hold', reason: 'rpc_disagreement', differs: 'less' })
    const { detail } = first as { detail: string }
    const held = (failures: number) => moved({ state: 'held', reason: 'rpc_disagreement', detail, failures })
    expect(planDeposit(held(7), proven('eth', ETHER / 2n), context('eth')).kind).toBe('hold')
    expect(planDeposit(held(8), proven('eth', ETHER / 2n), context('eth')).kind).toBe('credit')
    for (const amount of [ETHER, 2n * ETHER]) {
      expect(planDeposit(moved(), proven('eth', amount), context('eth')).kind).toBe('credit')
    }
  })

  test('is compared as the database can hold it', () => {
    const most = 10n ** 78n - 1n
    const huge = seen({ seenBaseUnits: most })
    expect(planDeposit(huge, proven('eth', most + 5n), context('eth'))).toMatchObject({
      reason: 'amount_too_large',
    })
  })

  test.each<[string, SeenUnder]>([
    ['to another wallet', { ...under, wallet: OTHER }],
    ['in a token, where the rail now is ETH', { ...under, token: OTHER }],
  ])('%s waits for the setting, whatever the RPCs say', (_name, seenUnder) => {
    for (const evidence of [proven('eth', ETHER), nothing, { kind: 'behind' } as const]) {
      expect(planDeposit(seen({ seenUnder }), evidence, context('eth'))).toMatchObject({
        kind: 'hold',
        reason: 'setup_changed',
      })
    }
  })

  test('by a trace is never judged by a transaction’s own value', () => {
    for (const evidence of [nothing, proven('eth', ETHER / 10n)]) {
      expect(planDeposit(seen(), evidence, byTransactions)).toMatchObject({
        kind: 'hold',
        reason: 'setup_changed',
      })
    }
  })

  test('by a trace is credited without one where the transaction itself pays as much', () => {
    expect(planDeposit(seen(), proven('eth', ETHER), byTransactions).kind).toBe('credit')
  })

  test('by a transaction’s own value gives way to a trace that shows more', () => {
    const bySelf = seen({ seenUnder: { ...under, by: 'transactions' } })
    expect(planDeposit(bySelf, proven('eth', 2n * ETHER), context('eth'))).toMatchObject({
      kind: 'credit',
      amountBaseUnits: 2n * ETHER,
    })
  })

  test('by a trace is credited on an operator’s word where traces are gone', () => {
    const release = { block: { number: 100n, hash: BLOCK }, acceptDeviation: false }
    expect(planDeposit(seen(), nothing, { ...byTransactions, release })).toMatchObject({
      kind: 'credit',
      amountBaseUnits: ETHER,
    })
  })
})

describe('the credit', () => {
  test('is for the amount proven, not the amount recorded, at the time and block of the proof', () => {
    const recorded = deposit('eth', { amountBaseUnits: 1_000n * ETHER })
    expect(planDeposit(recorded, proven('eth', HOUR_OF_ETHER), context('eth'))).toMatchObject({
      kind: 'credit',
      deposit: recorded,
      amountBaseUnits: HOUR_OF_ETHER,
      quote: { creditMicros: HOUR, wallet: PAYER, rail: 'eth:1', asOfBlock: { number: 100n, hash: BLOCK } },
      blockTimestamp: new Date(Number(AT) * 1000),
    })
  })

  test('has the tier of the payer, not of another payer in the block', () => {
    const axgtBalances = [
      { holder: OTHER, balance: 100_000n * ETHER },
      { holder: PAYER, balance: 100n * ETHER },
    ]
    const decision = planDeposit(ether, proven('eth', ETHER, { axgtBalances }), context('eth'))
    expect(decision).toMatchObject({ kind: 'credit', quote: { tier: { index: 1 } } })
  })

  test.each([
    ['99.999… AXGT', 100n * ETHER - 1n, 0],
    ['100 AXGT', 100n * ETHER, 1],
    ['100 000 AXGT', 100_000n * ETHER, 2],
  ])('%s is tier %#', (_name, balance, index) => {
    const evidence = proven('eth', ETHER, { axgtBalances: [{ holder: PAYER, balance }] })
    expect(planDeposit(ether, evidence, context('eth'))).toMatchObject({ quote: { tier: { index } } })
  })

  test('without the payer’s AXGT is no credit: never silently "no discount"', () => {
    for (const axgtBalances of [[], [{ holder: OTHER, balance: 100_000n * ETHER }]]) {
      expect(planDeposit(ether, proven('eth', ETHER, { axgtBalances }), context('eth'))).toEqual({
        kind: 'hold',
        deposit: ether,
        reason: 'state_unavailable',
        detail: "the payer's AXGT was not read",
      })
    }
  })

  test('needs no AXGT where there is none, or where it gives no tier', () => {
    const unknown = { axgtBalances: [] }
    const plain = planDeposit(ether, proven('eth', ETHER, unknown), context('eth', { axgtDecimals: null }))
    expect(plain).toMatchObject({ kind: 'credit', quote: { tier: { index: 0 }, axgtBalance: null } })
    const usdc = planDeposit(deposit('usdc'), proven('usdc', 1_000_000n, unknown), context('usdc'))
    expect(usdc).toMatchObject({ kind: 'credit', quote: { creditMicros: HOUR } })
    const axgt = planDeposit(deposit('axgt'), proven('axgt', 100n * ETHER, unknown), context('axgt'))
    expect(axgt).toMatchObject({ kind: 'credit', quote: { creditMicros: (HOUR * 5n) / 4n } })
  })
})

describe('too little and too much', () => {
  test.each([
    ['1 wei below the minimum', HOUR_OF_ETHER - 1n, 0n, 'small'],
    ['the minimum', HOUR_OF_ETHER, 0n, 'credit'],
    ['the minimum of the highest tier, at tier 0', 375_000_000_000_000n, 0n, 'small'],
    ['the minimum of the highest tier', 375_000_000_000_000n, 100_000n * ETHER, 'credit'],
    ['1 wei below it', 374_999_999_999_999n, 100_000n * ETHER, 'small'],
    ['1 wei', 1n, 0n, 'small'],
  ])('%s: %s', (_name, amount, balance, kind) => {
    const evidence = proven('eth', amount, { axgtBalances: [{ holder: PAYER, balance }] })
    expect(planDeposit(ether, evidence, context('eth')).kind).toBe(kind)
  })

  test.each([
    ['as much as was credited before it was reversed', 1, 'credit'],
    ['as much as was seen and never credited', 0, 'small'],
  ])('below the minimum, %s (attempt %i): %s', (_name, attempt, kind) => {
    const before = deposit('eth', { attempt, amountBaseUnits: HOUR_OF_ETHER / 2n })
    expect(planDeposit(before, proven('eth', HOUR_OF_ETHER / 2n), context('eth')).kind).toBe(kind)
    expect(planDeposit(before, proven('eth', HOUR_OF_ETHER / 2n - 1n), context('eth')).kind).toBe('small')
  })

  test('dust that is worth no micro is never credited, also without a minimum', () => {
    const free = context('eth')
    const pricing = {
      ...free.pricing,
      eth: { ...free.pricing.eth, minimumEth: { numerator: 0n, denominator: 1n } },
    }
    expect(planDeposit(ether, proven('eth', 1n), { ...free, pricing })).toMatchObject({
      kind: 'small',
      quote: { creditMicros: 0n },
    })
  })

  test.each([
    ['2^256 − 1 wei', 2n ** 256n - 1n],
    ['one base unit beyond what a credit may be', (2n ** 53n * ETHER) / (120_000n * 60_000_000n) + 1n],
  ])('%s: held for the operator, not wrapped', (_name, amount) => {
    expect(planDeposit(ether, proven('eth', amount), context('eth'))).toEqual({
      kind: 'hold',
      deposit: ether,
      reason: 'amount_too_large',
      detail: 'it is worth more than one credit may hold',
      provenBaseUnits: amount,
    })
  })
})

describe('at market prices', () => {
  const market = { pricing: marketPricing }
  const stale = reading({ ethUsd: feed({ updatedAt: NOW - 7_201n }) })

  test('the price of the deposit’s block is what is credited', () => {
    const decision = planDeposit(
      ether,
      proven('eth', HOUR_OF_ETHER, { oracle: reading() }),
      context('eth', market),
    )
    expect(decision).toMatchObject({
      kind: 'credit',
      quote: { creditMicros: HOUR, price: { mode: 'chainlink', usdPerUnit: '2000' } },
    })
  })

  test('a block without a usable price holds the deposit, says why, and still proves the amount', () => {
    expect(planDeposit(ether, proven('eth', ETHER, { oracle: stale }), context('eth', market))).toEqual({
      kind: 'hold',
      deposit: ether,
      reason: 'price_unavailable',
      detail: 'the answer of the ETH/USD feed is 7201 seconds old, and may be 7200',
      provenBaseUnits: ETHER,
    })
  })

  test('a later block’s price counts where it is given, with the balance of the deposit’s own block', () => {
    const laterPrice = reading({ block: { number: 150n, hash: OTHER, timestamp: NOW } })
    const axgtBalances = [{ holder: PAYER, balance: 100_000n * ETHER }]
    const decision = planDeposit(
      ether,
      proven('eth', HOUR_OF_ETHER, { oracle: stale, axgtBalances }),
      context('eth', { ...market, laterPrice }),
    )
    expect(decision).toMatchObject({
      kind: 'credit',
      quote: {
        tier: { discountPercent: '25' },
        asOfBlock: { number: 100n, hash: BLOCK },
        price: { reading: { block: { number: 150n } } },
      },
    })
  })

  test('a release is quoted as of its block', () => {
    const release = { block: { number: 150n, hash: BLOCK }, acceptDeviation: false }
    const decision = planDeposit(
      ether,
      proven('eth', HOUR_OF_ETHER, { oracle: reading() }),
      context('eth', { ...market, release }),
    )
    expect(decision).toMatchObject({ kind: 'credit', quote: { asOfBlock: release.block } })
  })
})

describe('a token of which less arrived than its logs say', () => {
  const usdc = deposit('usdc')
  const plan = (logged: bigint, shortfallBaseUnits: bigint, deposits: number) =>
    planDeposit(
      usdc,
      proven('usdc', logged, { shortfalls: [{ asset: 'usdc', shortfallBaseUnits, deposits }] }),
      context('usdc'),
    )

  test('is credited with what arrived when it is the only one in the block', () => {
    expect(plan(2_000_000n, 40_000n, 1)).toMatchObject({ kind: 'credit', amountBaseUnits: 1_960_000n })
  })

  test('is below the minimum by what arrived, not by what was logged', () => {
    expect(plan(1_000_000n, 1n, 1)).toMatchObject({ kind: 'small', amountBaseUnits: 999_999n })
  })

  test.each([
    ['two of them in the block', 2_000_000n, 40_000n, 2],
    ['none in the block', 2_000_000n, 40_000n, 0],
    ['all of it missing', 2_000_000n, 2_000_000n, 1],
    ['more than all of it missing', 2_000_000n, 2_000_001n, 1],
  ])('is held where nobody can tell whose the shortage is: %s', (_name, logged, shortfall, deposits) => {
    expect(plan(logged, shortfall, deposits)).toMatchObject({ kind: 'hold', reason: 'amount_unclear' })
  })

  test('is no concern of another asset’s payment', () => {
    const shortfalls = [{ asset: 'axgt' as const, shortfallBaseUnits: 1n, deposits: 2 }]
    expect(planDeposit(usdc, proven('usdc', 1_000_000n, { shortfalls }), context('usdc')).kind).toBe('credit')
  })
})
