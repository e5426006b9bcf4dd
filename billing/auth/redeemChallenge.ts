import { randomBytes } from 'node:crypto'
import type { Address, Hash } from 'viem'
import type { Sql } from '../database/connect.ts'
import { walletTokenHash } from './walletTokenHash.ts'

const TOKEN_HOURS = 12
/** Devices of one wallet that are signed in at once; one more ends the oldest. */
const TOKENS_OF_A_WALLET = 10

/** A wallet that has just signed in. The token is shown this once. */
export interface SignedIn {
  token: string
  address: Address
  expiresAt: Date
}

/**
 * Gives a token for a message whose signature was found good; null when the message was redeemed meanwhile, or has expired.
 *
 * One statement: the row of the message is deleted and the token written, or neither. Of any number at once, one deletes
 * the row; the others wait for it and find it gone.
 */
export async function redeemChallenge(sql: Sql, messageHash: Hash): Promise<SignedIn | null> {
  const token = randomBytes(32).toString('base64url')
  const [signedIn] = await sql<{ address: Address; expiresAt: Date }[]>`
    with redeemed as (
      delete from credits.sign_in_challenge
      where message_hash = ${messageHash} and expires_at > clock_timestamp()
      returning address
    ), superseded as (
      delete from credits.wallet_token where token_hash in (
        select token_hash from credits.wallet_token join redeemed using (address)
        order by wallet_token.expires_at desc offset ${TOKENS_OF_A_WALLET - 1}
      )
    )
    insert into credits.wallet_token (token_hash, address, expires_at)
    select ${walletTokenHash(token)}, address, clock_timestamp() + ${`${TOKEN_HOURS} hours`}::interval from redeemed
    returning address, expires_at as "expiresAt"`
  return signedIn === undefined ? null : { token, ...signedIn }
}
