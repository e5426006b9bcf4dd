import { describe, expect, test } from 'vitest'
import { ethUsd } from '../../../billing/pricing/ethUsd.ts'
import type { SequencerReading } from '../../../billing/pricing/oracleReading.ts'
import { FEED, feed, NOW, of, reading, SEQUENCER } from './readings.ts'

const MAX_AGE = 7_200

const whyNot = (change: Parameters<typeof reading>[0]) => {
  const judged = ethUsd(reading(change), MAX_AGE)
  return judged.kind === 'unavailable' ? judged.why : null
}

describe('an answer of the feed', () => {
  test.each([
    ['8 decimals', feed(), of(200_000_000_000n, 10n ** 8n)],
    ['18 decimals', feed({ answer: 2_000n * 10n ** 18n, decimals: 18 }), of(2_000n * 10n ** 18n, 10n ** 18n)],
    ['no decimals', feed({ answer: 2_000n, decimals: 0 }), of(2_000n)],
  ])('counts in its own decimals: %s', (_name, ethUsdFeed, usdPerEth) => {
    expect(ethUsd(reading({ ethUsd: ethUsdFeed }), MAX_AGE)).toEqual({ kind: 'priced', usdPerEth })
  })

  test('exactly as old as it may be counts; a second older does not', () => {
    expect(whyNot({ ethUsd: feed({ updatedAt: NOW - 7_200n }) })).toBeNull()
    expect(whyNot({ ethUsd: feed({ updatedAt: NOW - 7_201n }) })).toBe(
      'the answer of the ETH/USD feed is 7201 seconds old, and may be 7200',
    )
  })

  test('of the very second of the block counts; of a time after it does not', () => {
    expect(whyNot({ ethUsd: feed({ updatedAt: NOW }) })).toBeNull()
    expect(whyNot({ ethUsd: feed({ updatedAt: NOW + 1n }) })).toMatch('a time after the block')
  })

  test.each([0n, -1n, -(2n ** 255n)])('of %s is none', (answer) => {
    expect(whyNot({ ethUsd: feed({ answer }) })).toBe(`the ETH/USD feed answers ${answer}`)
  })

  test('of 1 is a price: limits are for the operator to set by AXGT_MAX_DEVIATION_PERCENT and the cap', () => {
    expect(whyNot({ ethUsd: feed({ answer: 1n }) })).toBeNull()
  })

  test('of a round never updated is too old', () => {
    expect(whyNot({ ethUsd: feed({ updatedAt: 0n }) })).toMatch('seconds old')
  })

  test('with more decimals than a number of the chain has is none', () => {
    expect(whyNot({ ethUsd: feed({ decimals: 255 }) })).toBe('the ETH/USD feed claims 255 decimals')
  })

  test('that is missing is none', () => {
    expect(whyNot({ ethUsd: { kind: 'silent', feed: FEED } })).toBe('the ETH/USD feed does not answer')
  })

  test('carried over from an earlier round counts by its age alone', () => {
    expect(whyNot({ ethUsd: feed({ answeredInRound: 41n }) })).toBeNull()
  })
})

describe('on an L2', () => {
  const sequencer = (answer: bigint, startedAt: bigint): SequencerReading => ({
    kind: 'answered',
    feed: SEQUENCER,
    answer,
    startedAt,
  })
  test.each<[string, SequencerReading, string | null]>([
    ['up for a day', sequencer(0n, NOW - 86_400n), null],
    ['up for an hour and a second', sequencer(0n, NOW - 3_601n), null],
    ['up for an hour', sequencer(0n, NOW - 3_600n), 'up for 3600 seconds only'],
    ['just up again', sequencer(0n, NOW), 'up for 0 seconds only'],
    ['up since a time after the block', sequencer(0n, NOW + 5n), 'seconds only'],
    ['down', sequencer(1n, NOW - 86_400n), 'down'],
    ['in a state nobody has defined', sequencer(2n, NOW - 86_400n), 'down'],
    ['never told anything', sequencer(0n, 0n), 'no round yet'],
    ['silent', { kind: 'silent', feed: SEQUENCER }, 'does not answer'],
  ])('whose sequencer is %s', (_name, reported, why) => {
    const found = whyNot({ sequencer: reported })
    if (why === null) expect(found).toBeNull()
    else expect(found).toMatch(why)
  })
})
