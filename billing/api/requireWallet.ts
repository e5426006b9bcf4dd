import type { MiddlewareHandler } from 'hono'
import type { Address } from 'viem'
import type { ApiEnv } from './apiEnv.ts'
import type { WalletTokens } from './appDeps.ts'
import { bearerToken } from './bearerToken.ts'
import { type ApiKeys, keyKind } from './keyKind.ts'
import { refuseBearer } from './refuseBearer.ts'

/** What handlers behind {@link requireWallet} find: `c.get('wallet')` is who is signed in, lower-case. */
export interface WalletEnv extends ApiEnv {
  Variables: { wallet: Address }
}

/**
 * Makes the middleware that lets only signed-in wallets in: 401 without a token or with one that is unknown or has expired,
 * 403 with the service or the admin key, which have no account of their own. Give it to a route as `middleware` itself, not
 * in an array, so that its handler knows of `c.get('wallet')`.
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
