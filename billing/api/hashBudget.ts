import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Hash } from 'viem'
import type { TransactionLookup } from '../gate/transactionView.ts'
import { takeOne } from './request/budgets.ts'

/** How many clients' worth of unknown hashes may be looked up in a minute, all clients together. */
const BUDGET_IN_CLIENTS = 5
/** Hashes known to exist are free; so many are remembered. */
const REMEMBERED_HASHES = 10_000

/** Looks a hash up within the budget, or says how long to wait. */
export type HashBudget = (
  txHash: Hash,
  lookUp: () => Promise<TransactionLookup>,
) => Promise<TransactionLookup | { kind: 'rate_limited'; retryAfterSeconds: number }>

/**
 * Makes the budget that all clients share for hashes that turn out not to exist. The budget per client does not help
 * against random hashes from many addresses, each of which costs a call to every chain. A point is taken before the
 * look-up, so that a thousand at once are not all let through, and is given back when the hash exists; a hash once found
 * is looked up for free, so that people who wait for their payment are served while somebody else guesses.
 */
export function hashBudget(options: { perMinutePerClient: number }): HashBudget {
  const limiter = new RateLimiterMemory({
    points: options.perMinutePerClient * BUDGET_IN_CLIENTS,
    duration: 60,
  })
  const found = new Set<Hash>()

  return async (txHash, lookUp) => {
    const isKnown = found.has(txHash)
    if (!isKnown) {
      const retryAfterSeconds = await takeOne(limiter, 'unknown')
      if (retryAfterSeconds !== null) return { kind: 'rate_limited', retryAfterSeconds }
    }
    const lookup = await lookUp()
    if (lookup.kind === 'found' && !isKnown) {
      await limiter.reward('unknown')
      found.add(txHash)
      // A Set keeps the order of insertion: its first is the oldest.
      const [oldest] = found
      if (found.size > REMEMBERED_HASHES && oldest !== undefined) found.delete(oldest)
    }
    return lookup
  }
}
