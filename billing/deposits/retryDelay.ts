import type { DepositReason } from './schema.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Keeps 2 ** n finite; every delay has reached its maximum long before. */
const MAX_DOUBLINGS = 20

/** The longest time between two looks at a deposit held for this reason, at so many looks that ended the same way. */
function maxDelayMs(reason: DepositReason | null, failures: number): number {
  switch (reason) {
    // Another answer of an RPC resolves these: within a minute at first, and however late it comes.
    case 'rpc_disagreement':
      return patienceMs(15 * SECOND, failures)
    case 'payment_not_seen':
      return patienceMs(30 * SECOND, failures)
    case 'evidence_unavailable':
      return patienceMs(MINUTE, failures)
    case 'price_unavailable':
      return MINUTE
    case 'state_unavailable':
    // Passes at the end of the day.
    case 'daily_cap_reached':
    // Looked at when the service starts with other settings, too.
    case 'setup_changed':
      return 10 * MINUTE
    // Only the payer, the operator or a changed setting can resolve these.
    case 'below_minimum':
    case 'amount_too_large':
    case 'amount_unclear':
    case 'rail_disabled':
      return DAY
    // Not held: the RPCs do not have the block, or do not answer.
    case null:
      return 15 * SECOND
  }
}

/** For about an hour `firstMs`, for about a day five minutes, then an hour, for ever. */
function patienceMs(firstMs: number, failures: number): number {
  const firstHour = HOUR / firstMs
  if (failures < firstHour) return firstMs
  return failures < firstHour + DAY / (5 * MINUTE) ? 5 * MINUTE : HOUR
}

/** The first delay: short where another RPC's answer resolves it, an hour where a person must. */
function minDelayMs(reason: DepositReason | null): number {
  switch (reason) {
    case 'rpc_disagreement':
    case 'payment_not_seen':
    case 'evidence_unavailable':
    case 'price_unavailable':
    case 'state_unavailable':
    case null:
      return SECOND
    case 'setup_changed':
      return 15 * SECOND
    case 'daily_cap_reached':
      return MINUTE
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
  return Math.min(doubled, maxDelayMs(reason, failures))
}

/** After about two weeks of hourly searches. */
const SEARCHES_BEFORE_DAILY = 750

/**
 * Milliseconds until the next search for a transaction that left the chain: from 5 seconds, within half a minute for an hour,
 * then ever rarer, down to once a day. It never ends: a transaction that was dropped can be mined weeks later. Pure.
 */
export function lostRetryDelayMs(failures: number): number {
  if (failures >= SEARCHES_BEFORE_DAILY) return DAY
  const doubled = 5 * SECOND * 2 ** Math.min(failures, MAX_DOUBLINGS)
  return Math.min(doubled, patienceMs(30 * SECOND, failures))
}
