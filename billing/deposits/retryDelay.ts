import type { DepositReason } from './schema.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
/** Keeps 2 ** n finite; every delay has reached its maximum long before. */
const MAX_DOUBLINGS = 20
const MAX_SEARCHES = 56

/** The longest time between two looks at a deposit held for this reason. */
function maxDelayMs(reason: DepositReason | null): number {
  switch (reason) {
    case 'rpc_disagreement':
      return 15 * SECOND
    case 'price_unavailable':
      return 60 * SECOND
    case 'state_unavailable':
    // Passes at the end of the day.
    case 'daily_cap_reached':
      return 10 * 60 * SECOND
    // Only the payer, the operator or a changed setting can resolve these.
    case 'below_minimum':
    case 'amount_too_large':
    case 'amount_unclear':
    case 'rail_disabled':
      return 24 * HOUR
    // Not held: the RPCs do not have the block, or do not answer.
    case null:
      return 15 * SECOND
  }
}

/** The first delay: short where another RPC's answer resolves it, an hour where a person must. */
function minDelayMs(reason: DepositReason | null): number {
  switch (reason) {
    case 'rpc_disagreement':
    case 'price_unavailable':
    case 'state_unavailable':
    case null:
      return SECOND
    case 'daily_cap_reached':
      return 60 * SECOND
    case 'below_minimum':
    case 'amount_too_large':
    case 'amount_unclear':
    case 'rail_disabled':
      return HOUR
  }
}

/** Milliseconds until the next look: doubles with each look that ended the same way, within the reason's bounds. Pure. */
export function retryDelayMs(reason: DepositReason | null, failures: number): number {
  const doubled = minDelayMs(reason) * 2 ** Math.min(failures, MAX_DOUBLINGS)
  return Math.min(doubled, maxDelayMs(reason))
}

/**
 * Milliseconds until the next search for a transaction that left the chain: doubles from 5 seconds to an hour. null after
 * about two days, when the search ends.
 */
export function lostRetryDelayMs(failures: number): number | null {
  if (failures > MAX_SEARCHES) return null
  return Math.min(5 * SECOND * 2 ** Math.min(failures, MAX_DOUBLINGS), HOUR)
}
