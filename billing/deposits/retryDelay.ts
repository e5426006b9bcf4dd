import type { DepositReason } from './schema.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND

/** How long at most between two looks at a deposit held for this reason. */
function longestDelayMs(reason: DepositReason | null): number {
  switch (reason) {
    case 'rpc_disagreement':
      return 15 * SECOND
    case 'price_unavailable':
      return 60 * SECOND
    case 'state_unavailable':
    // Ends with the day.
    case 'daily_cap_reached':
      return 10 * 60 * SECOND
    // Only the payer, the operator or a changed setting can end these.
    case 'below_minimum':
    case 'amount_too_large':
    case 'amount_unclear':
    case 'rail_disabled':
      return 24 * HOUR
    // Not held: the RPCs do not have it, or do not answer.
    case null:
      return 15 * SECOND
  }
}

/** Where waiting begins: short where another RPC's answer ends it, an hour where a person must. */
function shortestDelayMs(reason: DepositReason | null): number {
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

/** Milliseconds until the next look: doubling with each look that ended alike, between the reason's bounds. Pure. */
export function retryDelayMs(reason: DepositReason | null, failures: number): number {
  const doubled = shortestDelayMs(reason) * 2 ** Math.min(failures, 20)
  return Math.min(doubled, longestDelayMs(reason))
}

/** How long a transaction that left the chain is looked for: doubling from 5 seconds to an hour, for about two days. */
export function lostRetryDelayMs(failures: number): number | null {
  if (failures > 56) return null
  return Math.min(5 * SECOND * 2 ** Math.min(failures, 20), HOUR)
}
