import type { PoolReading } from './oracleReading.ts'

type AnsweredPool = Extract<PoolReading, { kind: 'answered' }>

const LEAST_SECONDS = 21_600
const MAX_CARDINALITY = 65_535
/** Storing one takes 22 100 gas, and a transaction may use 2^24 on Ethereum (EIP-7825). */
const MAX_GROWTH_OF_A_TRANSACTION = 700

/** How often a block comes at most. A pool writes down one observation a second at most, whatever the chain. */
const SECONDS_PER_BLOCK: Readonly<Record<number, number>> = { 1: 12, 10: 2, 8453: 2 }
const LEAST_SECONDS_PER_BLOCK = 1

/**
 * How much of the past a pool must remember: the slower TWAP is over six hours at least, and over twice the TWAP where that
 * is longer. Anybody can make a pool forget, one observation by trading in one block, so a shorter memory is no reference.
 */
export function memoryNeededSeconds(twapSeconds: number): number {
  return Math.max(LEAST_SECONDS, 2 * twapSeconds)
}

/** How many observations remember that many seconds even if somebody trades in every block of the chain. */
export function observationsNeeded(seconds: number, chainId: number): number {
  const perBlock = SECONDS_PER_BLOCK[chainId] ?? LEAST_SECONDS_PER_BLOCK
  return Math.min(Math.ceil(seconds / perBlock) + 1, MAX_CARDINALITY)
}

/** Why a pool remembers too little to have a price, and what ends it; null where it remembers enough. */
export function whyForgetful(
  { pool, slow, cardinality }: AnsweredPool,
  { twapSeconds, chainId }: { twapSeconds: number; chainId: number },
): string | null {
  const neededSeconds = memoryNeededSeconds(twapSeconds)
  const remembered = slow?.seconds ?? 0
  if (remembered >= neededSeconds) return null
  const problem = `the AXGT pool remembers ${remembered} seconds (${cardinality} observations) and must remember ${neededSeconds}`
  const needed = observationsNeeded(neededSeconds, chainId)
  if (cardinality >= needed) return `${problem}; it has room for more, so waiting ends it`
  const next = Math.min(cardinality + MAX_GROWTH_OF_A_TRANSACTION, needed)
  return `${problem}; it needs room for ${needed}, up to ${MAX_GROWTH_OF_A_TRANSACTION} more at a time: cast send ${pool} "increaseObservationCardinalityNext(uint16)" ${next}`
}
