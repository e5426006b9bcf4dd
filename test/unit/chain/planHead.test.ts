import { describe, expect, test } from 'vitest'
import { type AnsweredHead, planHead } from '../../../billing/chain/readHead.ts'
import type { NamedAnswer } from '../../../billing/chain/rpc/agree.ts'

const head = (number: bigint, finalizedNumber = 0n, isFinalityDoubtful = false): AnsweredHead => ({
  number,
  hash: `0x${number.toString(16).padStart(64, '0')}`,
  timestamp: 1_000n + number,
  finalizedNumber,
  isFinalityDoubtful,
})

type Said = AnsweredHead | 'silent' | 'late' | { chainId: number }

function answers(said: Said[]): NamedAnswer<AnsweredHead>[] {
  return said.map((one, index) => {
    const label = `rpc ${index + 1}`
    if (one === 'late') return { label, kind: 'late' }
    if (one === 'silent') return { label, kind: 'failed', why: 'no answer' }
    if ('chainId' in one) return { label, kind: 'wrong_chain', chainId: one.chainId }
    return { label, kind: 'answer', value: one }
  })
}

const wrong = { chainId: 5 }

describe('the head that counts', () => {
  test.each<[string, Said[], bigint, string | null]>([
    ['is the word of the only one', [head(10n)], 10n, null],
    ['is the lower of two', [head(10n), head(30n)], 10n, null],
    ['is the lower of two, whatever their order', [head(30n), head(10n)], 10n, null],
    ['is the second highest of three: two have it', [head(30n), head(10n), head(20n)], 20n, null],
    ['is the second highest of four', [head(1n), head(40n), head(39n), head(2n)], 39n, null],
    ['is not raised by one that runs far ahead', [head(10n ** 9n), head(20n), head(19n)], 20n, null],
    ['is theirs where both say the same', [head(7n), head(7n)], 7n, null],
    ['can be block 0', [head(0n)], 0n, null],
    ['survives one silent of three', [head(20n), 'silent', head(19n)], 19n, 'rpc 2: no answer'],
    [
      'does not wait for one that is merely late, and has no problem with it',
      [head(20n), 'late', head(19n)],
      19n,
      null,
    ],
    [
      'alarms where one calls blocks final that cannot be',
      [head(20n), head(20n, 0n, true)],
      20n,
      'rpc 2 calls blocks final that are too new to be; it is taken for one that knows of none',
    ],
    [
      'ignores one of another chain, and says so',
      [head(20n), wrong, head(19n)],
      19n,
      'rpc 2 answers for chain 5',
    ],
  ])('%s', (_name, said, number, problem) => {
    const reading = planHead(answers(said))
    expect(reading).toMatchObject({ kind: 'agreed', problem })
    expect(reading.kind === 'agreed' && reading.head).toMatchObject({
      number,
      hash: head(number).hash,
      timestamp: 1_000n + number,
    })
  })
})

describe('finality', () => {
  test.each<[string, Said[], bigint]>([
    ['is the only one’s', [head(100n, 36n)], 36n],
    ['is the lowest of two', [head(100n, 36n), head(100n, 90n)], 36n],
    [
      'is the lowest, also of one that lags and does not give the head',
      [head(100n, 36n), head(99n, 35n), head(20n, 4n)],
      4n,
    ],
    [
      'is not raised by one that calls its own head final',
      [head(100n, 36n), head(100n, 100n), head(100n, 37n)],
      36n,
    ],
    ['is 0 when one has none at all', [head(100n, 36n), head(100n, 0n)], 0n],
    ['is not that of one of another chain', [head(100n, 36n), wrong, head(100n, 37n)], 36n],
  ])('%s', (_name, said, finalizedNumber) => {
    const reading = planHead(answers(said))
    expect(reading.kind === 'agreed' && reading.head.finalizedNumber).toBe(finalizedNumber)
  })
})

describe('too few answers', () => {
  test.each<[string, Said[], string]>([
    ['one silent of two', [head(10n, 3n), 'silent'], 'rpc 2: no answer'],
    ['one of two of another chain', [wrong, head(10n, 3n)], 'rpc 1 answers for chain 5'],
    ['two silent of three', ['silent', 'silent', head(10n, 3n)], 'rpc 1: no answer; rpc 2: no answer'],
  ])('%s: a disagreement, with the one head to tell what would be due', (_name, said, why) => {
    const reading = planHead(answers(said))
    expect(reading).toMatchObject({ kind: 'disagreement', head: { number: 10n, finalizedNumber: 3n } })
    expect(reading.problem).toBe(`only 1 of ${said.length} RPCs answers; ${why}`)
  })

  test.each<[string, Said[], string]>([
    ['the only one silent', ['silent'], 'rpc 1: no answer'],
    ['the only one of another chain', [wrong], 'rpc 1 answers for chain 5'],
    ['all silent or of another chain', ['silent', wrong], 'rpc 1: no answer; rpc 2 answers for chain 5'],
    ['none configured', [], 'no RPC answers'],
  ])('%s: unavailable', (_name, said, problem) => {
    expect(planHead(answers(said))).toEqual({ kind: 'unavailable', problem })
  })
})
