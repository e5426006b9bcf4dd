import type { Address } from 'viem'
import type { PoolWindow } from '../../pricing/oracleReading.ts'
import type { CallOutcome, ChainState } from '../rpc/openState.ts'
import { poolAbi } from './abis.ts'

/** How a pool's accumulators grew up to a block, over the TWAP and over a day. */
export interface PoolWindows {
  /** null: the pool remembers less than the TWAP. */
  fast: PoolWindow | null
  /** Over 24 hours, or all that the pool remembers; null where it remembers nothing. */
  slow: PoolWindow | null
  cardinality: number
}

const DAY_SECONDS = 86_400

/** Uniswap's accumulators at one moment. */
interface Accumulators {
  tickCumulative: bigint
  secondsPerLiquidityX128: bigint
}

/** The accumulators as the pool stored them. */
interface Observation extends Accumulators {
  /** Seconds since 1970 modulo 2^32, as the pool counts. */
  blockTimestamp: number
}

/**
 * Reads how a Uniswap v3 pool's oracle grew up to the block with `timestamp`. Null where there is no such pool.
 *
 * A pool reverts ("OLD") when asked for more than it remembers. A second round of calls then starts from its oldest
 * observation.
 */
export async function readPoolWindows(
  state: ChainState,
  pool: Address,
  { twapSeconds, timestamp }: { twapSeconds: number; timestamp: bigint },
): Promise<PoolWindows | null> {
  const [slot, fast, day] = await Promise.all([
    state.read({ address: pool, abi: poolAbi, functionName: 'slot0' }),
    observe(state, pool, [twapSeconds, 0]),
    observe(state, pool, [DAY_SECONDS, 0]),
  ])
  if (slot.kind === 'failed') return null
  const [, , index, cardinality] = slot.value
  const slow =
    windowOf(day, DAY_SECONDS) ??
    (await readOldest(state, pool, { index, cardinality, timestamp, now: fast?.at(-1) }))
  return { fast: windowOf(fast, twapSeconds), slow, cardinality }
}

/** The accumulators at each of these times; null where the pool does not remember one of them. */
async function observe(
  state: ChainState,
  pool: Address,
  secondsAgo: number[],
): Promise<Accumulators[] | null> {
  const said = await state.read({
    address: pool,
    abi: poolAbi,
    functionName: 'observe',
    args: [secondsAgo],
  })
  if (said.kind === 'failed') return null
  const [tickCumulatives, secondsPerLiquidityX128s] = said.value
  const observed = tickCumulatives.flatMap((tickCumulative, at) => {
    const secondsPerLiquidityX128 = secondsPerLiquidityX128s[at]
    return secondsPerLiquidityX128 === undefined ? [] : [{ tickCumulative, secondsPerLiquidityX128 }]
  })
  return observed.length === secondsAgo.length ? observed : null
}

function windowOf(observed: Accumulators[] | null, seconds: number): PoolWindow | null {
  const [then, now] = observed ?? []
  return then === undefined || now === undefined ? null : growth(then, now, seconds)
}

/** All that the pool remembers; null where it has no observation, or only one of this second. */
async function readOldest(
  state: ChainState,
  pool: Address,
  {
    index,
    cardinality,
    timestamp,
    now,
  }: { index: number; cardinality: number; timestamp: bigint; now: Accumulators | undefined },
): Promise<PoolWindow | null> {
  // 0: created but not initialized, so there is no slot to read.
  if (cardinality === 0) return null
  const [next, first, current] = await Promise.all([
    readObservation(state, pool, (index + 1) % cardinality),
    readObservation(state, pool, 0),
    now ?? observe(state, pool, [0]).then((observed) => observed?.[0]),
  ])
  // The slot after the newest holds the oldest, unless the memory was enlarged and that slot is still empty.
  const oldest = next ?? first
  if (oldest === null || current === undefined) return null
  const seconds = Number(BigInt.asUintN(32, timestamp - BigInt(oldest.blockTimestamp)))
  return seconds === 0 ? null : growth(oldest, current, seconds)
}

/** null for a slot that the pool has not written yet. */
async function readObservation(state: ChainState, pool: Address, index: number): Promise<Observation | null> {
  const said = await state.read({
    address: pool,
    abi: poolAbi,
    functionName: 'observations',
    args: [BigInt(index)],
  })
  return initialized(said)
}

function initialized(said: CallOutcome<readonly [number, bigint, bigint, boolean]>): Observation | null {
  if (said.kind === 'failed') return null
  const [blockTimestamp, tickCumulative, secondsPerLiquidityX128, isInitialized] = said.value
  return isInitialized ? { blockTimestamp, tickCumulative, secondsPerLiquidityX128 } : null
}

/** The accumulators are int56 and uint160 and wrap around by design, so their difference must wrap too. */
function growth(then: Accumulators, now: Accumulators, seconds: number): PoolWindow {
  return {
    seconds,
    tickCumulativeDelta: BigInt.asIntN(56, now.tickCumulative - then.tickCumulative),
    secondsPerLiquidityDeltaX128: BigInt.asUintN(
      160,
      now.secondsPerLiquidityX128 - then.secondsPerLiquidityX128,
    ),
  }
}
