import { hash, timingSafeEqual } from 'node:crypto'
import type { Context, MiddlewareHandler } from 'hono'
import type { Address } from 'viem'
import type { ApiEnv, AppDeps, WalletTokens } from '../appDeps.ts'
import { problem } from '../problem.ts'
import type { HashBudget, RateLimit } from './budgets.ts'

/**
 * Makes the middleware that admits only holders of a key: 401 without a key or with an unknown one, 403 with one of the wrong
 * kind, including a wallet's token. Routes without this middleware ignore the header, and so a bad bearer on a public route.
 */
export function authenticate(
  keys: ApiKeys,
  walletTokens: WalletTokens,
): (needed: KeyKind) => MiddlewareHandler<ApiEnv> {
  const kindOf = keyKind(keys)

  return (needed) => async (c, next) => {
    const token = bearerToken(c)
    if (token === null) {
      return refuseBearer(c, 'missing', 'This route needs a key as `Authorization: Bearer …`.')
    }
    const kind = kindOf(token)
    if (kind === null) {
      return (await walletTokens.addressOf(token)) === null
        ? refuseBearer(c, 'unknown', 'The key is not known.')
        : refuseBearer(c, 'wrong_kind', `This route needs the ${needed} key, not the token of a wallet.`)
    }
    if (needed === 'admin' && kind !== 'admin') {
      return refuseBearer(c, 'wrong_kind', 'This route needs the admin key.')
    }
    return next()
  }
}

/** What handlers behind {@link requireWallet} get: `c.get('wallet')` is the signed-in wallet, lower-case. */
export interface WalletEnv extends ApiEnv {
  Variables: { wallet: Address }
}

/**
 * Makes the middleware that admits only signed-in wallets: 401 without a token or with one that is unknown or has expired,
 * 403 with the service or the admin key, which have no account of their own. Pass it to a route as `middleware` itself, not
 * in an array, so that the handler's type has `c.get('wallet')`.
 */
export function requireWallet(keys: ApiKeys, walletTokens: WalletTokens): MiddlewareHandler<WalletEnv> {
  const kindOf = keyKind(keys)

  return async (c, next) => {
    const token = bearerToken(c)
    if (token === null) {
      return refuseBearer(c, 'missing', "This route needs a wallet's token as `Authorization: Bearer …`.")
    }
    if (kindOf(token) !== null) {
      return refuseBearer(
        c,
        'wrong_kind',
        'A key has no account of its own; see /v1/accounts/{address} for those of others.',
      )
    }
    const address = await walletTokens.addressOf(token)
    if (address === null) return refuseBearer(c, 'unknown', 'The token is not known, or has expired.')
    c.set('wallet', address)
    return next()
  }
}

/** What is wrong with a request's bearer: it is missing, unknown, or of the wrong kind. */
export type BearerFault = 'missing' | 'unknown' | 'wrong_kind'

/**
 * Answers a request without the right key or token: 401 without one or with an unknown one, 403 with one of the wrong kind,
 * each with the challenge that RFC 6750 §3 requires.
 */
function refuseBearer(c: Context, fault: BearerFault, detail: string) {
  switch (fault) {
    case 'missing':
      return problem(c, 'unauthorized', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits"' },
      })
    case 'unknown':
      return problem(c, 'unauthorized', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="invalid_token"' },
      })
    case 'wrong_kind':
      return problem(c, 'forbidden', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="insufficient_scope"' },
      })
  }
}

const pattern = /^Bearer +([\x21-\x7e]+) *$/i

/**
 * Reads a request's token, from the Authorization header only, never from a query string or a cookie (RFC 6750 §2.3). null
 * when there is none, or the header has another form.
 */
export function bearerToken(c: Context): string | null {
  return pattern.exec(c.req.header('Authorization') ?? '')?.[1] ?? null
}

/** Whose key it is. Admin implies service. */
export type KeyKind = 'service' | 'admin'

/** The two keys from the settings. */
export interface ApiKeys {
  serviceApiKey: string
  adminApiKey: string
}

/** Makes the function that says which of the two keys a token is; null means neither. */
function keyKind(keys: ApiKeys): (token: string) => KeyKind | null {
  const serviceDigest = digest(keys.serviceApiKey)
  const adminDigest = digest(keys.adminApiKey)

  // Digests have equal length and both are always compared, so timing reveals neither how much of a key was right nor which.
  return (token) => {
    const given = digest(token)
    const isService = timingSafeEqual(given, serviceDigest)
    const isAdmin = timingSafeEqual(given, adminDigest)
    return isAdmin ? 'admin' : isService ? 'service' : null
  }
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** What routes receive: the app's dependencies and the guards they share. */
export interface RouteDeps extends AppDeps {
  requireKey: ReturnType<typeof authenticate>
  requireWallet: ReturnType<typeof requireWallet>
  rateLimit: RateLimit
  hashBudget: HashBudget
}
