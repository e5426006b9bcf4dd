import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Agreed, type NamedAnswer, planAgreement } from '../../../billing/chain/rpc/agree.ts'

type Value = { amount: bigint; hash: string } | null
type Said = { says: Value } | 'behind' | 'state_unavailable' | 'silent' | 'wrong_chain'

const A: Said = { says: { amount: 1n, hash: '0xaa' } }
const B: Said = { says: { amount: 2n, hash: '0xaa' } }
const NOTHING: Said = { says: null }

function answers(said: Said[]): NamedAnswer<Value>[] {
  return said.map((one, index) => {
    const label = `rpc ${index + 1}`
    if (typeof one === 'object') return { label, kind: 'answer', value: one.says }
    if (one === 'silent') return { label, kind: 'failed', why: 'HTTP 503' }
    if (one === 'wrong_chain') return { label, kind: 'wrong_chain', chainId: 5 }
    if (one === 'state_unavailable') return { label, kind: one, why: 'no longer has the state of that block' }
    return { label, kind: one }
  })
}

const plan = (said: Said[]): Agreed<Value> => planAgreement(answers(said))
const agreedOn = (value: Value) => ({ kind: 'agreed', value })
const valueA = { amount: 1n, hash: '0xaa' }

describe('what may be believed', () => {
  test.each<[string, Said[], unknown]>([
    ['one RPC: its word', [A], agreedOn(valueA)],
    ['one RPC: that there is nothing', [NOTHING], agreedOn(null)],
    ['two alike', [A, A], agreedOn(valueA)],
    ['two that both know of nothing', [NOTHING, NOTHING], agreedOn(null)],
    ['two of three alike, the third silent', [A, 'silent', A], agreedOn(valueA)],
    ['two of three alike, the third of another chain', ['wrong_chain', A, A], agreedOn(valueA)],
    ['two of three alike, the third behind', [A, A, 'behind'], agreedOn(valueA)],
    ['two of three alike, the third without state', [A, 'state_unavailable', A], agreedOn(valueA)],
  ])('%s', (_name, said, expected) => {
    expect(plan(said)).toEqual(expected)
  })
})

describe('what may not', () => {
  test.each<[string, Said[], string, RegExp | null]>([
    ['two that differ', [A, B], 'disagreement', /^rpc 1 and rpc 2 contradict each other$/],
    ['something against nothing', [A, NOTHING], 'disagreement', /rpc 1 and rpc 2/],
    ['two against one: no majority', [A, A, B], 'disagreement', /rpc 1 and rpc 3/],
    ['two that differ while a third lags', ['behind', A, B], 'disagreement', /rpc 2 and rpc 3/],
    [
      'one of two, the other silent',
      [A, 'silent'],
      'disagreement',
      /only rpc 1 of 2 RPCs answers; rpc 2: HTTP 503/,
    ],
    [
      'one of two, the other of another chain',
      ['wrong_chain', A],
      'disagreement',
      /rpc 1 answers for chain 5/,
    ],
    ['one of three, the others silent', ['silent', A, 'silent'], 'disagreement', /only rpc 2 of 3/],
    ['one of two, the other behind', [A, 'behind'], 'behind', null],
    ['one of three, one silent, one behind', [A, 'silent', 'behind'], 'behind', null],
    ['one behind', ['behind'], 'behind', null],
    ['behind, rather than without state', ['state_unavailable', 'behind'], 'behind', null],
    [
      'one of two, the other without state',
      [A, 'state_unavailable'],
      'state_unavailable',
      /^rpc 2 no longer has the state of that block$/,
    ],
    [
      'without state',
      ['state_unavailable'],
      'state_unavailable',
      /^rpc 1 no longer has the state of that block$/,
    ],
    [
      'without state, each of them named, and what ails the others',
      ['state_unavailable', 'silent', 'state_unavailable', 'wrong_chain'],
      'state_unavailable',
      /^rpc 1 no longer has.*; rpc 2: HTTP 503; rpc 3 no longer has.*; rpc 4 answers for chain 5$/,
    ],
    ['silent', ['silent'], 'unavailable', /rpc 1: HTTP 503/],
    ['of another chain', ['wrong_chain'], 'unavailable', /rpc 1 answers for chain 5/],
    [
      'silent or of another chain',
      ['silent', 'wrong_chain'],
      'unavailable',
      /HTTP 503; rpc 2 answers for chain 5/,
    ],
    ['nobody to ask', [], 'unavailable', null],
  ])('%s', (_name, said, kind, detail) => {
    const agreed = plan(said)
    expect(agreed.kind).toBe(kind)
    if (detail !== null) expect('detail' in agreed && agreed.detail).toMatch(detail)
  })
})

test('differences of the last digit of a large amount are seen', () => {
  const large = (amount: bigint): Said => ({ says: { amount, hash: '0xaa' } })
  expect(plan([large(2n ** 256n - 1n), large(2n ** 256n - 2n)]).kind).toBe('disagreement')
})

test('whatever is said, in whatever order: agreed only if all that answer say the same and at least two do', () => {
  const one = fc.constantFrom<Said>(A, B, NOTHING, 'behind', 'state_unavailable', 'silent', 'wrong_chain')
  fc.assert(
    fc.property(fc.array(one, { maxLength: 5 }), (said) => {
      const given = said.filter((it) => typeof it === 'object')
      const alike = new Set(given).size === 1
      const enough = given.length >= Math.min(2, said.length)
      expect(plan(said).kind === 'agreed').toBe(alike && enough)
      expect(plan([...said].reverse()).kind).toBe(plan(said).kind)
    }),
    { numRuns: 500 },
  )
})
