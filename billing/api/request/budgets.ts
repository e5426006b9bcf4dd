import { isIP } from 'node:net'
import type { Context } from 'hono'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Address } from 'viem'
import type { Admission, Admit, Standing } from '../../chain/rpc/countRequests.ts'
import type { ApiEnv } from '../appDeps.ts'

/** Who calls a public route: a key, a signed-in wallet, or anybody at some address. */
export type Caller = { kind: 'service' } | { kind: 'wallet'; wallet: Address } | { kind: 'client' }

/** Takes one request from the caller's budget: null when there was one left, else how many seconds to wait. */
export type RateLimit = (c: Context<ApiEnv>) => Promise<number | null>

/** Says who calls; keys and tokens are only believed, never required. */
export type CallerOf = (c: Context<ApiEnv>) => Promise<Caller>

/** What the service key may ask a minute, in budgets of one client: it speaks for all who sit at its desktops. */
const SERVICE_BUDGET_IN_CLIENTS = 20
/** What all wallets signed in at one address may ask together, beside what the address may ask without a token. */
const WALLETS_OF_CLIENT_BUDGET_IN_CLIENTS = 5

/**
 * Makes the budget per caller for public routes that cost RPC calls. The handler asks it once the request has proved
 * well-formed: a malformed one costs no RPC call, so it costs no budget either.
 *
 * A caller is the service key, a signed-in wallet, or else a client address: nobody without a token can use up what those
 * with one may ask.
 *
 * The counts are kept per process: N processes allow N times as much, which is still a bound.
 */
export function rateLimit(options: { perMinute: number; trustProxy: number; callerOf: CallerOf }): RateLimit {
  const { perMinute, trustProxy, callerOf } = options
  const limiters = new Map<number, RateLimiterMemory>()
  const take = async (key: string, clients: number) => {
    const limiter =
      limiters.get(clients) ?? new RateLimiterMemory({ points: perMinute * clients, duration: 60 })
    limiters.set(clients, limiter)
    return takePoints(limiter, key)
  }
  return async (c) => {
    const caller = await callerOf(c)
    if (caller.kind === 'service') return take('service', SERVICE_BUDGET_IN_CLIENTS)
    const networks = clientNetworks(c, trustProxy)
    if (caller.kind === 'wallet') {
      const ofClient = `wallets ${networks[0]?.key}`
      return (
        (await take(`wallet ${caller.wallet}`, 1)) ??
        (await take(ofClient, WALLETS_OF_CLIENT_BUDGET_IN_CLIENTS))
      )
    }
    for (const { key, clients } of networks) {
      const waitSeconds = await take(key, clients)
      if (waitSeconds !== null) return waitSeconds
    }
    return null
  }
}

/** Takes points from `key`: null when there were enough, else the whole seconds (at least 1) until there are. */
export async function takePoints(
  limiter: RateLimiterMemory,
  key: string,
  points = 1,
): Promise<number | null> {
  try {
    await limiter.consume(key, points)
    return null
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    throw refusal
  }
}

/** A network that a client is counted by, and how many clients' budgets it may have. */
export interface ClientNetwork {
  key: string
  clients: number
}

/**
 * Says whose budget a request uses. That is the socket's address, or, with `trustProxy` n, the n-th entry from the right of
 * X-Forwarded-For: the one that the outermost trusted proxy wrote. The client wrote everything to the left of it, so that is
 * ignored. If the entry is missing or no address, the socket's address counts, so a made-up header never gains a fresh
 * budget.
 *
 * An IPv6 client counts as its /64, because one customer usually has all of it, and also, with larger budgets, as its /56
 * and /48, because many customers have those. An IPv4-mapped address counts as IPv4. The narrowest comes first.
 */
export function clientNetworks(
  c: { env?: ApiEnv['Bindings']; req: { header(name: string): string | undefined } },
  trustProxy: number,
): ClientNetwork[] {
  const socketAddress = c.env?.incoming?.socket?.remoteAddress ?? 'unknown'
  const forwarded = trustProxy > 0 ? c.req.header('X-Forwarded-For')?.split(',').at(-trustProxy) : undefined
  return (forwarded === undefined ? null : networksOf(forwarded)) ?? networksOf(socketAddress) ?? UNKNOWN
}

const UNKNOWN: ClientNetwork[] = [{ key: 'unknown', clients: 1 }]

/** The networks of an address, the narrowest first; null where the text is none. */
export function networksOf(text: string): ClientNetwork[] | null {
  const address = withoutPort(text.trim()).replace(/%.*$/, '')
  switch (isIP(address)) {
    case 4:
      return [{ key: address, clients: 1 }]
    case 6:
      return ipv6Networks(address)
    default:
      return null
  }
}

/** Some proxies write `1.2.3.4:5678` or `[::1]:5678`. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
}

function ipv6Networks(address: string): ClientNetwork[] {
  // The URL parser normalises every spelling of an address: lower-case, no leading zeros, no dotted tail.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
    return [{ key: [high >> 8, high & 255, low >> 8, low & 255].join('.'), clients: 1 }]
  }
  const [a, b, c, d = '0'] = groups
  const site = Number.parseInt(d, 16) >> 8
  return [
    { key: `${a}:${b}:${c}:${d}/64`, clients: 1 },
    { key: `${a}:${b}:${c}:${site.toString(16)}/56`, clients: 2 },
    { key: `${a}:${b}:${c}/48`, clients: 4 },
  ]
}

/** What all lookups without a token may cost a minute, in lookups of unknown hashes by one client. */
const LOOKUPS_IN_CLIENTS = 5
/** What all contracts asked about signatures may cost a minute, in budgets of one client. */
const SIGNATURES_IN_CLIENTS = 2
/** Requests to each RPC for a hash that no chain knows: twice the chain's id, a receipt, a transaction. */
const REQUESTS_PER_LOOKUP = 4
/** For a head, and for a contract at it. */
const REQUESTS_PER_SIGNATURE = 5

/** Says whether a request that needs the RPCs may have them. */
export interface RpcBudget {
  /** For a hash that the database does not answer. */
  lookup(c: Context<ApiEnv>): Admit
  /** For a contract's signature. The caller's own budget was asked before. */
  signature(): Admit
}

/**
 * Makes the budget of RPC requests that all who are not the gate share, per minute. The budget per client does not help
 * against many addresses. It has a part for each kind of caller and of question, and none can use up another's: lookups
 * without a token of payments that are recorded and of hashes that are not, those of signed-in wallets, those of the service
 * key, and contracts that sign in. The gate takes nothing
 * from it.
 *
 * What a question is likely to cost is taken before it is asked, so that a thousand at once do not all get through; what it
 * did cost is known afterwards and made up for.
 */
export function rpcBudget(options: {
  perMinutePerClient: number
  /** Of all chains together. */
  rpcs: number
  rateLimit: RateLimit
  callerOf: CallerOf
}): RpcBudget {
  const { perMinutePerClient, rpcs, callerOf } = options
  const part = (clients: number, requests: number) => {
    const points = perMinutePerClient * clients * requests * rpcs
    return { limiter: new RateLimiterMemory({ points, duration: 60 }), likely: requests * rpcs }
  }
  const lookups = {
    client: part(LOOKUPS_IN_CLIENTS, REQUESTS_PER_LOOKUP),
    wallet: part(LOOKUPS_IN_CLIENTS, REQUESTS_PER_LOOKUP),
    service: part(SERVICE_BUDGET_IN_CLIENTS, REQUESTS_PER_LOOKUP),
  }
  const recorded = part(LOOKUPS_IN_CLIENTS, REQUESTS_PER_LOOKUP)
  const signatures = part(SIGNATURES_IN_CLIENTS, REQUESTS_PER_SIGNATURE)
  return {
    lookup: (c) => async (standing) => {
      const retryAfterSeconds = await options.rateLimit(c)
      if (retryAfterSeconds !== null) return { kind: 'refused', retryAfterSeconds }
      const { kind } = await callerOf(c)
      const own = kind === 'client' && standing === 'recorded' ? recorded : lookups[kind]
      return takeRequests(own, (about) => (kind === 'client' && about === 'recorded' ? recorded : own))
    },
    signature: () => () => takeRequests(signatures, () => signatures),
  }
}

/** A part of the budget, and what one question of its kind is likely to cost. */
interface Part {
  limiter: RateLimiterMemory
  likely: number
}

/** @param payer whose requests they were, as it turned out: a payment that was found is no guess of a stranger. */
async function takeRequests(from: Part, payer: (about: Standing) => Part): Promise<Admission> {
  const retryAfterSeconds = await takePoints(from.limiter, 'all', from.likely)
  if (retryAfterSeconds !== null) return { kind: 'refused', retryAfterSeconds }
  return {
    kind: 'admitted',
    async settle(requests, about) {
      await from.limiter.reward('all', from.likely)
      await payer(about).limiter.penalty('all', requests)
    },
  }
}

/** Things held open, such as streams and connections, of which there is a most. */
export interface Shares {
  /** Takes one for a client: gives back how to return it, or null. To return it twice does nothing. */
  take(networks: readonly ClientNetwork[]): (() => void) | null
}

/**
 * Shares out what is held open for long. A client may hold no more than it leaves free for others: the first half of all,
 * another a quarter. So there is something left for one more, however many somebody holds, and nobody needs to know how many
 * clients there will be. An IPv6 client is counted by each of its networks.
 */
export function createShares(max: number): Shares {
  const held = new Map<string, number>()
  let all = 0
  return {
    take(networks) {
      const free = max - all
      if (networks.some(({ key }) => (held.get(key) ?? 0) >= free)) return null
      all += 1
      for (const { key } of networks) held.set(key, (held.get(key) ?? 0) + 1)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        all -= 1
        for (const { key } of networks) {
          const left = (held.get(key) ?? 1) - 1
          if (left === 0) held.delete(key)
          else held.set(key, left)
        }
      }
    },
  }
}
