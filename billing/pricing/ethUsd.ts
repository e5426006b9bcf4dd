import type { Fraction } from '../config/config.ts'
import type { FeedReading, OracleReading, SequencerReading } from './oracleReading.ts'

/** USD per ETH, or one sentence that says why there is no price to trust. */
export type EthUsd = { kind: 'priced'; usdPerEth: Fraction } | { kind: 'unavailable'; why: string }

/**
 * How long prices stay untrusted after an L2's sequencer came back, so that everybody has time to act on the new ones. An
 * hour, as Chainlink advises (docs.chain.link/data-feeds/l2-sequencer-feeds).
 */
const SEQUENCER_GRACE_SECONDS = 3_600n

/** With more decimals, 10^decimals no longer fits into 256 bits. */
const MAX_DECIMALS = 77

/**
 * Judges what Chainlink's ETH/USD feed said at a block. Pure. A price needs an answer above 0 whose update is neither after
 * the block nor more than `maxAgeSeconds` before it, by the block's time; exactly that old is fresh enough. On an L2 with a
 * sequencer feed, the sequencer must also have been up for more than {@link SEQUENCER_GRACE_SECONDS}.
 * `answeredInRound` is recorded but not judged: Chainlink has deprecated it.
 */
export function ethUsd(reading: OracleReading, maxAgeSeconds: number): EthUsd {
  const why =
    whyNotSequencer(reading.sequencer, reading.block.timestamp) ??
    whyNotFeed(reading.ethUsd, reading.block.timestamp, maxAgeSeconds)
  if (why !== null) return { kind: 'unavailable', why }
  return { kind: 'priced', usdPerEth: answerOf(reading.ethUsd) }
}

/** The feed's answer as USD per ETH, unjudged. Throws where it gave none. */
export function answerOf(feed: FeedReading): Fraction {
  if (feed.kind === 'silent') throw new Error('a feed that gave no answer has no price')
  return { numerator: feed.answer, denominator: 10n ** BigInt(feed.decimals) }
}

function whyNotFeed(feed: FeedReading, blockTimestamp: bigint, maxAgeSeconds: number): string | null {
  if (feed.kind === 'silent') return 'the ETH/USD feed does not answer'
  if (feed.answer <= 0n) return `the ETH/USD feed answers ${feed.answer}`
  if (feed.decimals > MAX_DECIMALS) return `the ETH/USD feed claims ${feed.decimals} decimals`
  const ageSeconds = blockTimestamp - feed.updatedAt
  if (ageSeconds < 0n) return 'the answer of the ETH/USD feed is of a time after the block'
  if (ageSeconds > BigInt(maxAgeSeconds)) {
    return `the answer of the ETH/USD feed is ${ageSeconds} seconds old, and may be ${maxAgeSeconds}`
  }
  return null
}

function whyNotSequencer(sequencer: SequencerReading | null, blockTimestamp: bigint): string | null {
  if (sequencer === null) return null
  if (sequencer.kind === 'silent') return 'the sequencer feed does not answer'
  if (sequencer.answer !== 0n) return 'the sequencer of the chain is down'
  // 0: the feed was deployed and has no report yet.
  if (sequencer.startedAt === 0n) return 'the sequencer feed has no round yet'
  const upSeconds = blockTimestamp - sequencer.startedAt
  if (upSeconds > SEQUENCER_GRACE_SECONDS) return null
  return `the sequencer of the chain has been up for ${upSeconds} seconds only; prices count after ${SEQUENCER_GRACE_SECONDS}`
}
