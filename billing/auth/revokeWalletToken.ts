import type { Sql } from '../database/connect.ts'
import { walletTokenHash } from './walletTokenHash.ts'

/** Ends a wallet's token at once. Idempotent. */
export async function revokeWalletToken(sql: Sql, token: string): Promise<void> {
  await sql`delete from credits.wallet_token where token_hash = ${walletTokenHash(token)}`
}
