import type { Context } from 'hono'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { ApiEnv } from '../apiEnv.ts'
import { clientAddress } from '../clientAddress.ts'

/** Takes one request from the caller's budget: null when there was one left, else how many seconds to wait. */
export type RateLimit = (c: Context<ApiEnv>) => Promise<number | null>

/**
 * Makes the budget per client address for public routes that cost RPC calls. It is asked by the handler, after the
 * request was found well-formed: a malformed one costs no RPC call, so it costs no budget either.
 *
 * The counts are in this process: N processes allow N times as much, which is still a bound.
 */
export function rateLimit(options: { perMinute: number; trustProxy: number }): RateLimit {
  const limiter = new RateLimiterMemory({ points: options.perMinute, duration: 60 })
  return (c) => takeOne(limiter, clientAddress(c, options.trustProxy))
}

/** Takes one point of `key`: null when there was one, else the whole seconds (at least 1) until there is. */
export async function takeOne(limiter: RateLimiterMemory, key: string): Promise<number | null> {
  try {
    await limiter.consume(key)
    return null
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw refusal
  }
}
