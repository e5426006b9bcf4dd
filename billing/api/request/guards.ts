import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../apiEnv.ts'
import type { WalletTokens } from '../appDeps.ts'
import { bearerToken } from '../bearerToken.ts'
import { type ApiKeys, type KeyKind, keyKind } from '../keyKind.ts'
import { refuseBearer } from '../refuseBearer.ts'

/**
 * Makes the middleware that lets only holders of a key in: 401 without a key or with an unknown one, 403 with one of the
 * wrong kind, a wallet's token included. Routes without this middleware do not look at the header at all, so a bad bearer
 * on a public route is ignored.
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
