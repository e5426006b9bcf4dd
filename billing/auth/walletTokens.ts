import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import { walletTokenHash } from './walletTokenHash.ts'

/**
 * Reads whose token that is, lower-case; null when it is nobody's, or has expired by the database's clock. The database
 * compares digests, so how long it takes tells nothing about a token.
 */
export async function readWalletToken(sql: Sql, token: string): Promise<Address | null> {
  const [row] = await sql<{ address: Address }[]>`
    select address from credits.wallet_token
    where token_hash = ${walletTokenHash(token)} and expires_at > clock_timestamp()`
  return row?.address ?? null
}
