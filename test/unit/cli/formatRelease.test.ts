import { expect, test } from 'vitest'
import type { ReleaseOrder, ReleaseOutcome } from '../../../billing/desk/releaseDeposit.ts'
import type { Quote } from '../../../billing/pricing/quote.ts'
import { formatRelease } from '../../../cli/formatRelease.ts'

const id = `1-0x${'4'.repeat(64)}-axgt-0x${'a'.repeat(40)}`
const order: ReleaseOrder = {
  depositId: id,
  atBlock: 200n,
  releasedBy: 'operator',
  note: null,
  acceptDeviation: false,
  dryRun: false,
}
const quote: Quote = {
  rail: 'axgt:1',
  wallet: `0x${'a'.repeat(40)}`,
  amountBaseUnits: 100n,
  minimumBaseUnits: 100n,
  creditMicros: 4_500_000_000n,
  tier: { index: 0, label: 'Tier 0', discountPercent: '0' },
  axgtBalance: null,
  bonusPercent: '25',
  price: {
    mode: 'twap',
    usdPerUnit: '0.6',
    usdPerHour: '1',
    microsPerBaseUnit: { numerator: 45_000_000n, denominator: 1n },
    description: '1 AXGT is 0.6 USD',
    reading: {
      block: { number: 200n, hash: '0xblock', timestamp: 1n },
      ethUsd: { kind: 'silent', feed: `0x${'f'.repeat(40)}` },
      sequencer: null,
      pool: null,
    },
  },
  asOfBlock: { number: 200n, hash: '0xblock' },
}
const textOf = (outcome: ReleaseOutcome, change: Partial<ReleaseOrder> = {}) =>
  formatRelease({ ...order, ...change }, outcome, 120n).join('\n')

test('a released deposit tells its minutes, the price, the price’s block and its own', () => {
  expect(textOf({ kind: 'released', quote, attempt: 2 })).toMatchInlineSnapshot(`
    "Released: 75 minutes are credited for 1-0x4444444444444444444444444444444444444444444444444444444444444444-axgt-0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (credit 2).
      amount       100 base units
      price        1 AXGT is 0.6 USD
      source       twap, 0.6 USD per unit
      tier         Tier 0, 0 % off
      price block  200 0xblock
      own block    120"
  `)
})

test('a dry run says that nothing was changed', () => {
  const text = textOf({ kind: 'would_release', quote }, { dryRun: true })
  expect(text).toContain('75 minutes would be credited')
  expect(text).toContain('Nothing was changed')
  expect(text).toContain('price block  200 0xblock')
})

test.each<[ReleaseOutcome, string]>([
  [{ kind: 'not_found' }, '"deposit submit"'],
  [{ kind: 'not_releasable', state: 'credited', reason: null }, 'credited already'],
  [{ kind: 'not_releasable', state: 'pending', reason: null }, 'by itself'],
  [{ kind: 'not_releasable', state: 'orphaned', reason: null }, 'no longer in the chain'],
  [{ kind: 'not_releasable', state: 'reversed', reason: null }, 'no longer in the chain'],
  [
    { kind: 'not_releasable', state: 'rejected', reason: 'rail_disabled' },
    'for rail_disabled. Credit it by "adjust"',
  ],
  [{ kind: 'not_releasable', state: 'held', reason: 'rpc_disagreement' }, 'held for rpc_disagreement'],
  [{ kind: 'block_not_deep_enough', deepestBlock: 195n }, 'Give a block up to 195'],
  [{ kind: 'unproven', detail: 'no RPC has it' }, 'archive node'],
  [{ kind: 'unpriced', detail: 'the feed is old' }, 'another block with --at-block'],
])('%o says that nothing was credited, why, and what to do', (outcome, what) => {
  const text = textOf(outcome)
  expect(text).toContain(what)
  expect(text).toMatch(/Nothing was credited|No deposit .* is recorded/)
  if ('detail' in outcome) expect(text).toContain(outcome.detail)
})

test('--accept-deviation is suggested only to whom has not given it', () => {
  const unpriced = { kind: 'unpriced', detail: 'the price moved' } as const
  expect(textOf(unpriced)).toContain('--accept-deviation')
  expect(textOf(unpriced, { acceptDeviation: true })).not.toContain('--accept-deviation')
})
