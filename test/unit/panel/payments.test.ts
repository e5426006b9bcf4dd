import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adoptDeposits, mergeLookup, mergePayment } from '../../../panel/pay/mergePayments.ts'
import { parsePayments } from '../../../panel/pay/parsePayments.ts'
import type { Payment, SeenDeposit } from '../../../panel/pay/payment.ts'
import { paymentStage } from '../../../panel/pay/paymentStage.ts'
import { paymentSteps } from '../../../panel/pay/paymentSteps.ts'
import { planNextLook } from '../../../panel/pay/planNextLook.ts'

const NOW_MS = 1_700_000_000_000
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS
const txHash = `0x${'12'.repeat(32)}`
const otherHash = `0x${'34'.repeat(32)}`
const payer = `0x${'ab'.repeat(20)}`

function deposit(changes: Partial<SeenDeposit> = {}): SeenDeposit {
  return {
    id: `1-${txHash}-eth-${payer}`,
    txHash,
    chainId: 1,
    rail: 'eth:1',
    payer,
    amountBaseUnits: '500000000000000',
    state: 'pending',
    reason: null,
    retryAt: null,
    confirmations: 1,
    confirmationsRequired: 6,
    creditMinutes: null,
    ...changes,
  }
}

function payment(changes: Partial<Payment> = {}): Payment {
  return {
    txHash,
    origin: 'sent',
    sent: { rail: 'eth:1', chainId: 1, payer, amountBaseUnits: '500000000000000', nonce: 7 },
    replacedHash: null,
    sentAtMs: NOW_MS,
    unknownSinceMs: NOW_MS,
    deposits: [],
    sightings: [],
    ending: null,
    settledAtMs: null,
    isDismissed: false,
    ...changes,
  }
}

describe('where a payment stands', () => {
  const states = (item: Payment, seen: SeenDeposit | null, nowMs = NOW_MS) => {
    const stage = paymentStage(item, seen, nowMs)
    return [stage.kind, ...paymentSteps(stage).steps.map(({ state }) => state)]
  }

  test.each<[string, Partial<SeenDeposit>, string[]]>([
    ['in the mempool', { confirmations: 0 }, ['in_mempool', 'done', 'done', 'current', 'upcoming']],
    ['1 of 6', { confirmations: 1 }, ['confirming', 'done', 'done', 'current', 'upcoming']],
    ['5 of 6', { confirmations: 5 }, ['confirming', 'done', 'done', 'current', 'upcoming']],
    ['6 of 6', { confirmations: 6 }, ['crediting', 'done', 'done', 'done', 'current']],
    ['credited', { state: 'credited', creditMinutes: '60' }, ['credited', 'done', 'done', 'done', 'done']],
    ['held', { state: 'held', reason: 'below_minimum' }, ['held', 'done', 'done', 'done', 'waiting']],
    [
      'rejected',
      { state: 'rejected', reason: 'rail_disabled' },
      ['rejected', 'done', 'done', 'done', 'stopped'],
    ],
    ['dropped by a reorg', { state: 'orphaned' }, ['orphaned', 'done', 'done', 'waiting', 'upcoming']],
    ['taken back by a reorg', { state: 'reversed' }, ['reversed', 'done', 'done', 'waiting', 'upcoming']],
  ])('%s', (_, changes, expected) => {
    expect(states(payment({ unknownSinceMs: null }), deposit(changes))).toEqual(expected)
  })

  test('sent, and after two minutes that nobody knows of it', () => {
    expect(states(payment(), null)).toEqual(['sent', 'done', 'current', 'upcoming', 'upcoming'])
    expect(states(payment(), null, NOW_MS + 2 * MINUTE_MS - 1)[0]).toBe('sent')
    expect(states(payment(), null, NOW_MS + 2 * MINUTE_MS)).toEqual([
      'not_found',
      'done',
      'waiting',
      'upcoming',
      'upcoming',
    ])
  })

  test.each<[string, Payment['ending'], string[]]>([
    ['failed', { kind: 'transaction_failed' }, ['done', 'done', 'stopped', 'upcoming']],
    ['cancelled', { kind: 'cancelled', byHash: otherHash }, ['done', 'stopped', 'upcoming', 'upcoming']],
    ['replaced', { kind: 'replaced', byHash: otherHash }, ['done', 'stopped', 'upcoming', 'upcoming']],
    ['paying nothing', { kind: 'no_qualifying_transfer' }, ['done', 'stopped', 'upcoming', 'upcoming']],
  ])('%s, without a deposit', (_, ending, expected) => {
    expect(states(payment({ ending }), null).slice(1)).toEqual(expected)
  })

  test('a deposit counts before anything the page remembers', () => {
    const cancelled = payment({ ending: { kind: 'cancelled', byHash: otherHash } })
    expect(states(cancelled, deposit({ state: 'credited', creditMinutes: '60' }))[0]).toBe('credited')
  })

  test('once it is asked of the wallet, nothing is done yet', () => {
    expect(paymentSteps({ kind: 'in_wallet' }).steps.map(({ state }) => state)).toEqual([
      'current',
      'upcoming',
      'upcoming',
      'upcoming',
    ])
  })
})

describe('what the service says is taken in', () => {
  test('from the mempool to the credit', () => {
    let item = payment()
    for (const confirmations of [0, 1, 2]) {
      item = mergePayment(item, [deposit({ confirmations })], NOW_MS + confirmations * SECOND_MS)
    }
    expect(item.sightings.map(({ confirmations }) => confirmations)).toEqual([0, 1, 2])
    expect(item.settledAtMs).toBeNull()
    item = mergePayment(item, [deposit({ state: 'credited', confirmations: 6 })], NOW_MS + MINUTE_MS)
    expect(item.settledAtMs).toBe(NOW_MS + MINUTE_MS)
    expect(item.deposits).toHaveLength(1)
  })

  test('a reversal takes a settled payment up again', () => {
    const settled = mergePayment(payment(), [deposit({ state: 'credited' })], NOW_MS)
    expect(mergePayment(settled, [deposit({ state: 'reversed' })], NOW_MS).settledAtMs).toBeNull()
  })

  test('a payment that falls out of the mempool is unknown again from that moment', () => {
    const seen = mergePayment(payment(), [deposit({ confirmations: 0 })], NOW_MS)
    const lost = mergeLookup(seen, { kind: 'not_found' }, NOW_MS + MINUTE_MS)
    expect(lost.deposits).toEqual([])
    expect(lost.unknownSinceMs).toBe(NOW_MS + MINUTE_MS)
    expect(paymentStage(lost, null, NOW_MS + 2 * MINUTE_MS).kind).toBe('sent')
  })

  test('a recorded deposit is not forgotten because an RPC does not know its transaction', () => {
    const recorded = mergePayment(payment(), [deposit({ state: 'orphaned', confirmations: 0 })], NOW_MS)
    expect(mergeLookup(recorded, { kind: 'not_found' }, NOW_MS).deposits).toHaveLength(1)
  })

  test('a failed transaction ends it, and a later deposit of it begins it again', () => {
    const failed = mergeLookup(payment(), { kind: 'transaction_failed' }, NOW_MS)
    expect(failed).toMatchObject({ ending: { kind: 'transaction_failed' }, settledAtMs: NOW_MS })
    expect(mergePayment(failed, [deposit()], NOW_MS)).toMatchObject({ ending: null, settledAtMs: null })
  })

  test('payments under way from elsewhere are adopted, credited ones are history', () => {
    const found = adoptDeposits(
      [],
      [deposit(), deposit({ txHash: otherHash, id: 'other', state: 'credited' })],
      NOW_MS,
    )
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ txHash, origin: 'found', sent: null, isDismissed: false })
  })

  test('a deposit of a known payment moves it on, without a second entry', () => {
    const [item, ...rest] = adoptDeposits([payment()], [deposit({ confirmations: 3 })], NOW_MS)
    expect(rest).toEqual([])
    expect(item).toMatchObject({ origin: 'sent', deposits: [{ confirmations: 3 }] })
  })

  test('what was dismissed stays dismissed, however often the service lists it', () => {
    const dismissed = payment({ isDismissed: true, deposits: [deposit({ state: 'held' })] })
    expect(adoptDeposits([dismissed], [deposit({ state: 'held' })], NOW_MS + 9 * DAY_MS)).toEqual([dismissed])
  })

  test('a finished payment goes away after a day, one that is not stays', () => {
    const finished = payment({ settledAtMs: NOW_MS })
    const held = payment({ txHash: otherHash, deposits: [deposit({ state: 'held' })] })
    const ofHash = (nowMs: number) => adoptDeposits([finished, held], [], nowMs).map((item) => item.txHash)
    expect(ofHash(NOW_MS + DAY_MS - 1)).toEqual([txHash, otherHash])
    expect(ofHash(NOW_MS + DAY_MS)).toEqual([otherHash])
  })
})

describe('what storage holds', () => {
  test('remembered payments are read back as they were', () => {
    const list = [
      mergePayment(payment(), [deposit()], NOW_MS),
      payment({ origin: 'submitted', sent: null, ending: { kind: 'replaced', byHash: otherHash } }),
    ]
    expect(parsePayments(JSON.stringify(list))).toEqual(list)
  })

  test('nothing in it makes the page fail', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parsePayments(text))))
    fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(parsePayments(JSON.stringify(value)))))
    expect(parsePayments(null)).toEqual([])
  })

  test('one field that was changed to anything at all: every payment that is read is of its form', () => {
    const fields = Object.keys(payment()) as (keyof Payment)[]
    const isOfItsForm = (item: Payment) =>
      /^0x[0-9a-f]{64}$/.test(item.txHash) &&
      ['sent', 'submitted', 'found'].includes(item.origin) &&
      Number.isSafeInteger(item.sentAtMs) &&
      typeof item.isDismissed === 'boolean' &&
      item.deposits.every(({ amountBaseUnits }) => BigInt(amountBaseUnits) >= 0n) &&
      (item.sent === null || BigInt(item.sent.amountBaseUnits) >= 0n)
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
        const read = parsePayments(JSON.stringify([{ ...payment(), [field]: value }]))
        expect(read.every(isOfItsForm)).toBe(true)
      }),
    )
  })

  test.each([
    ['a hash that is none', { txHash: 'javascript:alert(1)' }],
    [
      'an amount that is none',
      { sent: { rail: 'eth:1', chainId: 1, payer, amountBaseUnits: '1e3', nonce: 7 } },
    ],
    ['a time that is none', { sentAtMs: 'yesterday' }],
    ['an unknown origin', { origin: 'elsewhere' }],
  ])('a payment with %s is left out', (_, changes) => {
    expect(parsePayments(JSON.stringify([{ ...payment(), ...changes }, payment()]))).toEqual([payment()])
  })
})

describe('when a payment is looked at by its hash', () => {
  const look = (item: Payment, streamedAddress: string | null, nowMs: number) =>
    planNextLook(item, { streamedAddress, lookedAtMs: nowMs }, nowMs)

  test('at once, then every 3 seconds, and less and less as it ages', () => {
    expect(planNextLook(payment(), { streamedAddress: null, lookedAtMs: null }, NOW_MS)).toBe(NOW_MS)
    const gapAt = (ageMs: number) => (look(payment(), null, NOW_MS + ageMs) ?? 0) - (NOW_MS + ageMs)
    expect(gapAt(0)).toBe(3 * SECOND_MS)
    expect(gapAt(2 * MINUTE_MS)).toBe(10 * SECOND_MS)
    expect(gapAt(10 * MINUTE_MS)).toBe(30 * SECOND_MS)
  })

  test('seldom while events tell of it, and often again once they do not', () => {
    const told = payment({ deposits: [deposit()] })
    expect(look(told, payer, NOW_MS)).toBe(NOW_MS + 30 * SECOND_MS)
    expect(look(told, null, NOW_MS)).toBe(NOW_MS + 3 * SECOND_MS)
  })

  test("somebody else's payment is not told of by our events", () => {
    const others = payment({ deposits: [deposit({ payer: `0x${'cd'.repeat(20)}` })] })
    expect(look(others, payer, NOW_MS)).toBe(NOW_MS + 3 * SECOND_MS)
  })

  test('not at all once it is settled, dismissed, or unknown for a day', () => {
    expect(look(payment({ settledAtMs: NOW_MS }), null, NOW_MS)).toBeNull()
    expect(look(payment({ isDismissed: true }), null, NOW_MS)).toBeNull()
    expect(look(payment(), null, NOW_MS + DAY_MS + 1)).toBeNull()
  })
})
