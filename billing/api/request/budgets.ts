import { isIP } from 'node:net'
import type { Context } from 'hono'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Hash } from 'viem'
import type { TransactionLookup } from '../../desk/createDesk.ts'
import type { ApiEnv } from '../appDeps.ts'

/** Takes one request from the caller's budget: null when there was one left, else how many seconds to wait. */
export type RateLimit = (c: Context<ApiEnv>) => Promise<number | null>

/**
 * Makes the budget per client address for public routes that cost RPC calls. The handler asks it once the request has proved
 * well-formed: a malformed one costs no RPC call, so it costs no budget either.
 *
 * The counts are kept per process: N processes allow N times as much, which is still a bound.
 */
export function rateLimit(options: { perMinute: number; trustProxy: number }): RateLimit {
  const limiter = new RateLimiterMemory({ points: options.perMinute, duration: 60 })
  return (c) => takeOne(limiter, clientAddress(c, options.trustProxy))
}

/** Takes one point from `key`: null when there was one, else the whole seconds (at least 1) until there is one. */
export async function takeOne(limiter: RateLimiterMemory, key: string): Promise<number | null> {
  try {
    await limiter.consume(key)
    return null
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw refusal
  }
}

/**
 * Says whose budget a request uses. That is the socket's address, or, with `trustProxy` n, the n-th entry from the right of
 * X-Forwarded-For: the one that the outermost trusted proxy wrote. The client wrote everything to the left of it, so that is
 * ignored. If the entry is missing or no address, the socket's address counts, so a made-up header never gains a fresh
 * budget.
 *
 * An IPv6 client counts as its /64, because one customer usually has all of it; an IPv4-mapped address counts as IPv4.
 */
function clientAddress(c: Context<ApiEnv>, trustProxy: number): string {
  const socketAddress = c.env?.incoming?.socket?.remoteAddress ?? 'unknown'
  const forwarded = trustProxy > 0 ? c.req.header('X-Forwarded-For')?.split(',').at(-trustProxy) : undefined
  return (forwarded === undefined ? null : budgetKey(forwarded)) ?? budgetKey(socketAddress) ?? 'unknown'
}

function budgetKey(text: string): string | null {
  const address = withoutPort(text.trim()).replace(/%.*$/, '')
  switch (isIP(address)) {
    case 4:
      return address
    case 6:
      return ipv6BudgetKey(address)
    default:
      return null
  }
}

/** Some proxies write `1.2.3.4:5678` or `[::1]:5678`. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
}

function ipv6BudgetKey(address: string): string {
  // The URL parser normalises every spelling of an address: lower-case, no leading zeros, no dotted tail.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** The shared budget for unknown hashes per minute, as a multiple of one client's budget. */
const SHARED_BUDGET_IN_CLIENTS = 5
/** Most hashes known to exist that are remembered; they are free. */
const MAX_REMEMBERED_HASHES = 10_000

/** Looks up a hash within the budget, or says how long to wait. */
export type HashBudget = (
  txHash: Hash,
  lookUp: () => Promise<TransactionLookup>,
) => Promise<TransactionLookup | { kind: 'rate_limited'; retryAfterSeconds: number }>

/**
 * Makes the budget that all clients share for hashes that turn out not to exist. The budget per client does not help against
 * random hashes from many addresses, each of which costs a call to every chain. A point is taken before the lookup, so that
 * a thousand at once do not all get through, and is returned when the hash exists. Looking up a hash once found is free, so
 * people who wait for their payment are served while somebody else guesses.
 */
export function hashBudget(options: { perMinutePerClient: number }): HashBudget {
  const limiter = new RateLimiterMemory({
    points: options.perMinutePerClient * SHARED_BUDGET_IN_CLIENTS,
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
      // A Set keeps the order of insertion: its first element is the oldest.
      const [oldest] = found
      if (found.size > MAX_REMEMBERED_HASHES && oldest !== undefined) found.delete(oldest)
    }
    return lookup
  }
}
