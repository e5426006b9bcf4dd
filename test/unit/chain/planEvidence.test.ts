import type { Address, Hash } from 'viem'
import { describe, expect, test } from 'vitest'
import type {
  BlockReading,
  EvidenceRequest,
  TransactionReading,
} from '../../../billing/chain/proof/evidence.ts'
import { planEvidence } from '../../../billing/chain/proof/planEvidence.ts'
import type { NamedAnswer } from '../../../billing/chain/rpc/agree.ts'
import { reading as oracleReading } from '../pricing/readings.ts'

const BLOCK: Hash = `0x${'22'.repeat(32)}`
const OTHER_BLOCK: Hash = `0x${'33'.repeat(32)}`
const [A, B]: [Hash, Hash] = [`0x${'0a'.repeat(32)}`, `0x${'0b'.repeat(32)}`]
const [PAYER_A, PAYER_B]: [Address, Address] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`]

const request: EvidenceRequest = {
  block: { number: 100n, hash: BLOCK },
  transactions: [
    { txHash: A, ether: true },
    { txHash: B, ether: true },
  ],
  state: true,
}

const paid = (txHash: Hash, payer: Address, amountBaseUnits = 5n): TransactionReading => ({
  kind: 'read',
  evidence: { txHash, succeeded: true, transfers: [{ asset: 'eth', payer, amountBaseUnits }] },
})
const a = paid(A, PAYER_A)
const b = paid(B, PAYER_B)
const unreadableB: TransactionReading = { kind: 'unreadable', txHash: B, why: 'cannot trace it: too large' }

type Canonical = Extract<BlockReading, { canonical: true }>

function rpc(
  position: number,
  transactions: TransactionReading[],
  change: Partial<Canonical> = {},
): NamedAnswer<BlockReading> {
  const payers = transactions.flatMap((one) =>
    one.kind === 'read' ? one.evidence.transfers.map(({ payer }) => payer) : [],
  )
  return {
    label: `rpc ${position}`,
    kind: 'answer',
    value: {
      canonical: true,
      timestamp: 1_700_000_000n,
      transactions,
      axgtBalances: payers.map((holder) => ({ holder, balance: 7n })),
      shortfalls: [],
      oracle: null,
      ...change,
    },
  }
}
const silent: NamedAnswer<BlockReading> = { label: 'rpc 9', kind: 'failed', why: 'no answer' }
const lagging: NamedAnswer<BlockReading> = { label: 'rpc 8', kind: 'behind' }

function planned(...readings: NamedAnswer<BlockReading>[]) {
  const agreed = planEvidence(request, readings)
  if (agreed.kind !== 'agreed' || !agreed.value.canonical) throw new Error(JSON.stringify(agreed.kind))
  const { transactions, unread, axgtBalances, oracle, shortfalls } = agreed.value
  return {
    read: transactions.map(({ txHash }) => txHash),
    unread: unread.map(({ txHash, kind }) => `${txHash.slice(2, 4)} ${kind}`),
    balances: axgtBalances.map(({ holder }) => holder),
    oracle,
    shortfalls,
  }
}

describe('a transaction that cannot be read waits alone', () => {
  test.each<[string, NamedAnswer<BlockReading>[], string]>([
    ['by the only RPC', [rpc(1, [a, unreadableB])], '0b unavailable'],
    ['by one of two', [rpc(1, [a, b]), rpc(2, [a, unreadableB])], '0b unavailable'],
    ['by both of two', [rpc(1, [a, unreadableB]), rpc(2, [a, unreadableB])], '0b unavailable'],
    ['because its receipt lags behind', [rpc(1, [a, { kind: 'behind', txHash: B }])], '0b behind'],
    [
      'because one RPC has no receipt yet',
      [rpc(1, [a, b]), rpc(2, [a, { kind: 'behind', txHash: B }])],
      '0b behind',
    ],
    ['because one RPC leaves it out', [rpc(1, [a, b]), rpc(2, [a])], '0b behind'],
    [
      'because two contradict each other',
      [rpc(1, [a, b]), rpc(2, [a, paid(B, PAYER_B, 6n)])],
      '0b disagreement',
    ],
    [
      'because two of three contradict each other and the third cannot trace',
      [rpc(1, [a, b]), rpc(2, [a, paid(B, PAYER_B, 6n)]), rpc(3, [a, unreadableB])],
      '0b disagreement',
    ],
  ])('%s', (_name, readings, unread) => {
    expect(planned(...readings)).toMatchObject({ read: [A], unread: [unread] })
  })

  test('is read where two others can read it', () => {
    const { read, unread, balances } = planned(rpc(1, [a, b]), rpc(2, [a, b]), rpc(3, [a, unreadableB]))
    expect({ read, unread, balances }).toEqual({ read: [A, B], unread: [], balances: [PAYER_A, PAYER_B] })
  })
})

describe('state', () => {
  test('contested balances concern their payer alone', () => {
    const other = [
      { holder: PAYER_A, balance: 7n },
      { holder: PAYER_B, balance: 8n },
    ]
    expect(planned(rpc(1, [a, b]), rpc(2, [a, b], { axgtBalances: other }))).toMatchObject({
      read: [A],
      unread: ['0b disagreement'],
      balances: [PAYER_A],
    })
  })

  test('a contested shortage concerns the payments of its token alone', () => {
    const usdc: TransactionReading = {
      kind: 'read',
      evidence: {
        txHash: B,
        succeeded: true,
        transfers: [{ asset: 'usdc', payer: PAYER_B, amountBaseUnits: 5n }],
      },
    }
    const short = [{ asset: 'usdc' as const, shortfallBaseUnits: 1n, deposits: 1 }]
    expect(planned(rpc(1, [a, usdc]), rpc(2, [a, usdc], { shortfalls: short }))).toMatchObject({
      read: [A],
      unread: ['0b disagreement'],
      shortfalls: [],
    })
    expect(
      planned(rpc(1, [a, usdc], { shortfalls: short }), rpc(2, [a, usdc], { shortfalls: short })),
    ).toMatchObject({
      read: [A, B],
      shortfalls: short,
    })
  })

  test('a pool that one RPC did not ask about, because nothing paid AXGT there, is no contradiction for ETH', () => {
    const whole = oracleReading()
    const withoutPool = { ...whole, pool: null }
    const { read, oracle } = planned(
      rpc(1, [a, b], { oracle: whole }),
      rpc(2, [a, b], { oracle: withoutPool }),
    )
    expect({ read, oracle }).toEqual({ read: [A, B], oracle: withoutPool })
  })
})

describe('the block is agreed on as a whole', () => {
  test.each<[string, NamedAnswer<BlockReading>[], object]>([
    [
      'replaced',
      [{ label: 'rpc 1', kind: 'answer', value: { canonical: false, canonicalHash: OTHER_BLOCK } }],
      { kind: 'agreed', value: { canonical: false, canonicalHash: OTHER_BLOCK } },
    ],
    [
      'replaced for one of two',
      [
        rpc(1, [a, b]),
        { label: 'rpc 2', kind: 'answer', value: { canonical: false, canonicalHash: OTHER_BLOCK } },
      ],
      { kind: 'disagreement' },
    ],
    ['not there yet for one of two', [rpc(1, [a, b]), lagging], { kind: 'behind' }],
    ['told by one of two', [rpc(1, [a, b]), silent], { kind: 'disagreement' }],
    ['told by nobody', [silent], { kind: 'unavailable' }],
  ])('%s', (_name, readings, expected) => {
    expect(planEvidence(request, readings)).toMatchObject(expected)
  })
})
