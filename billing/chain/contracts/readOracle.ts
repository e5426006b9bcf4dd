import type { Address } from 'viem'
import type {
  FeedReading,
  OracleReading,
  PoolReading,
  PriceBlock,
  SequencerReading,
} from '../../pricing/oracleReading.ts'
import { readHeader } from '../readHead.ts'
import type { Answer } from '../rpc/agree.ts'
import { type ChainState, openState, StateUnavailableError } from '../rpc/openState.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { readChainId } from '../rpc/wire.ts'
import { aggregatorAbi } from './abis.ts'
import { readPoolWindows } from './readPoolWindows.ts'

/** Where a chain's prices come from, and what is priced by them. */
export interface OracleSources {
  ethUsdFeed: Address
  /** null where the chain has none. */
  sequencerFeed: Address | null
  /** null where no AXGT price is needed. */
  pool: PoolSource | null
  twapSeconds: number
  pricesEth: boolean
  pricesAxgt: boolean
}

/** A Uniswap v3 pool of AXGT and WETH. */
export interface PoolSource {
  address: Address
  axgtIsToken0: boolean
  axgtDecimals: number
  wethDecimals: number
}

/**
 * Reads what the price sources say after a block, without judging it. A source that reverts or has no code is `silent`;
 * only the node can make this fail, as {@link ChainState.read} says. Reads the pool only if `pool` is set.
 *
 * Asks in the tick in which it is called, so it shares an eth_call with other reads of the same state; a pool that
 * remembers less than 24 hours costs one more.
 */
export async function readOracle(
  state: ChainState,
  sources: OracleSources,
  block: PriceBlock,
  options: { pool: boolean },
): Promise<OracleReading> {
  const [ethUsd, sequencer, pool] = await Promise.all([
    readFeed(state, sources.ethUsdFeed),
    sources.sequencerFeed === null ? null : readSequencer(state, sources.sequencerFeed),
    sources.pool === null || !options.pool ? null : readPool(state, sources.pool, sources.twapSeconds, block),
  ])
  return { block, ethUsd, sequencer, pool }
}

async function readFeed(state: ChainState, feed: Address): Promise<FeedReading> {
  const [round, decimals] = await Promise.all([
    state.read({ address: feed, abi: aggregatorAbi, functionName: 'latestRoundData' }),
    state.read({ address: feed, abi: aggregatorAbi, functionName: 'decimals' }),
  ])
  if (round.kind === 'failed' || decimals.kind === 'failed') return { kind: 'silent', feed }
  const [roundId, answer, , updatedAt, answeredInRound] = round.value
  return { kind: 'answered', feed, roundId, answer, updatedAt, answeredInRound, decimals: decimals.value }
}

async function readSequencer(state: ChainState, feed: Address): Promise<SequencerReading> {
  const round = await state.read({ address: feed, abi: aggregatorAbi, functionName: 'latestRoundData' })
  if (round.kind === 'failed') return { kind: 'silent', feed }
  const [, answer, startedAt] = round.value
  return { kind: 'answered', feed, answer, startedAt }
}

async function readPool(
  state: ChainState,
  { address: pool, ...source }: PoolSource,
  twapSeconds: number,
  { timestamp }: PriceBlock,
): Promise<PoolReading> {
  const windows = await readPoolWindows(state, pool, { twapSeconds, timestamp })
  return windows === null ? { kind: 'silent', pool } : { kind: 'answered', pool, ...source, ...windows }
}

/**
 * Asks one RPC what the chain's price sources, including the pool, say after the block at a height: for quotes, for the
 * price history, and for deposits whose own block has no usable price. `behind`: the RPC does not have that height, or the
 * block there changed meanwhile.
 *
 * Costs 4 requests.
 */
export async function readOracleAt(
  endpoint: RpcEndpoint,
  chainId: number,
  sources: OracleSources,
  blockNumber: bigint,
): Promise<Answer<OracleReading>> {
  const [answeredChainId, block] = await Promise.all([
    readChainId(endpoint),
    readHeader(endpoint, blockNumber),
  ])
  if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (block === null) return { kind: 'behind' }
  try {
    const state = openState(endpoint, blockNumber)
    const value = await readOracle(state, sources, block, { pool: sources.pool !== null })
    // State is asked for by height: it is this block's only if the block is still canonical afterwards.
    const after = await readHeader(endpoint, blockNumber)
    return after?.hash === block.hash ? { kind: 'answer', value } : { kind: 'behind' }
  } catch (error) {
    if (error instanceof StateUnavailableError) return { kind: 'state_unavailable', why: error.message }
    throw error
  }
}
