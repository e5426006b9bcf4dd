import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../billing/deposits/deposit.ts'
import { planDeposit, planSmallPayments } from '../../../billing/gate/planDeposit.ts'
import { context, deposit, ETHER, HOUR_OF_ETHER, PAYER, proven } from './decisionCases.ts'

type Small = Extract<Decision, { kind: 'small' }>

/** A payment that is too small by itself, as the gate would judge it in its block. */
function small(amount: bigint, { block = 100n, axgt = 0n, id = '' } = {}): Small {
  const payment = deposit('eth', { blockNumber: block, id: `${id || amount}-at-${block}` })
  const evidence = proven('eth', amount, { axgtBalances: [{ holder: PAYER, balance: axgt }] })
  const decision = planDeposit(payment, evidence, context('eth'))
  if (decision.kind !== 'small') throw new Error(`${amount} is not small: ${decision.kind}`)
  return decision
}

const kinds = (decisions: Decision[]) => decisions.map(({ kind }) => kind)
const HALF = HOUR_OF_ETHER / 2n
const RICH = 100_000n * ETHER
const GWEI = 10n ** 9n
const LOWEST = 375_000_000_000_000n

describe('payments each below the minimum', () => {
  test.each<[string, Small[], string[]]>([
    ['none', [], []],
    ['one', [small(HALF)], ['hold']],
    ['two that reach it exactly', [small(HALF), small(HALF, { block: 101n })], ['credit', 'credit']],
    ['two that miss it by 1 wei', [small(HALF), small(HALF - 1n, { block: 101n })], ['hold', 'hold']],
    ['two of one block', [small(HALF, { id: 'a' }), small(HALF, { id: 'b' })], ['credit', 'credit']],
    [
      'a sum that only reaches the lower minimum of a tier that came with the newest',
      [small(LOWEST - GWEI), small(GWEI, { block: 101n, axgt: RICH })],
      ['credit', 'credit'],
    ],
    [
      'the same in any order of being looked at',
      [small(GWEI, { block: 101n, axgt: RICH }), small(LOWEST - GWEI)],
      ['credit', 'credit'],
    ],
    [
      'a sum that reaches only the lower minimum of a tier that is gone at the newest',
      [small(LOWEST - GWEI, { axgt: RICH }), small(GWEI, { block: 101n })],
      ['hold', 'hold'],
    ],
  ])('%s', (_name, payments, expected) => {
    expect(kinds(planSmallPayments(payments))).toEqual(expected)
  })

  test('are credited each by its own quote and amount', () => {
    const payments = [small(LOWEST - GWEI), small(GWEI, { block: 101n, axgt: RICH })]
    expect(planSmallPayments(payments)).toEqual(payments.map((it) => ({ ...it, kind: 'credit' })))
  })

  test('are held for being below the minimum, and nothing else', () => {
    const payment = small(HALF)
    expect(planSmallPayments([payment])).toEqual([
      { kind: 'hold', deposit: payment.deposit, reason: 'below_minimum', detail: null },
    ])
  })

  test('that are worth no micro by themselves stay held while the others are credited', () => {
    const grain = small(1n)
    expect(grain.quote.creditMicros).toBe(0n)
    const rest = small(HOUR_OF_ETHER - 1n, { block: 101n })
    expect(kinds(planSmallPayments([grain, rest]))).toEqual(['hold', 'credit'])
  })

  test('never yield more together than the same sum paid at once, and are all credited or all held', () => {
    const amounts = fc.array(fc.bigInt({ min: 10n ** 6n, max: HOUR_OF_ETHER - 1n }), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(amounts, (paid) => {
        const decisions = planSmallPayments(paid.map((amount, index) => small(amount, { id: `${index}` })))
        const sum = paid.reduce((total, amount) => total + amount, 0n)
        expect(new Set(kinds(decisions))).toEqual(new Set([sum >= HOUR_OF_ETHER ? 'credit' : 'hold']))
        const together = decisions.reduce(
          (total, decision) => total + (decision.kind === 'credit' ? decision.quote.creditMicros : 0n),
          0n,
        )
        expect(together <= (sum * 120_000n * 60_000_000n) / ETHER).toBe(true)
      }),
    )
  })
})
