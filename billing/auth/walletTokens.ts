import { createHash } from 'node:crypto'
import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'

/**
 * Reads whose token it is, lower-case; null when it is nobody's, or has expired by the database's clock. The database
 * compares digests, so timing reveals nothing about a token.
 */
export async function readWalletToken(sql: Sql, token: string): Promise<Address | null> {
  const [row] = await sql<{ address: Address }[]>`
    select address from credits.wallet_token
    where token_hash = ${walletTokenHash(token)} and expires_at > clock_timestamp()`
  return row?.address ?? null
}

/** Ends a wallet's token at once. Idempotent. */
export async function revokeWalletToken(sql: Sql, token: string): Promise<void> {
  await sql`delete from credits.wallet_token where token_hash = ${walletTokenHash(token)}`
}

/** The stored form of a wallet's token: its SHA-256, in lower-case hex. */
export function walletTokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/**
 * Signs a wallet out everywhere at once, or all wallets with null: ends their tokens and the sign-in messages issued to
 * them, which somebody may already have signed. Returns how many unexpired tokens there were. Idempotent.
 */
export function signOutWallets(sql: Sql, address: Address | null): Promise<number> {
  return sql.begin(async (transaction) => {
    // Messages first: a sign-in under way deletes its message and writes its token in one statement, so an earlier token is seen
    // below, and after this it finds no message.
    await transaction`
      delete from credits.sign_in_challenge where ${address}::text is null or address = ${address}`
    const ended = await transaction<{ wasGood: boolean }[]>`
      delete from credits.wallet_token where ${address}::text is null or address = ${address}
      returning expires_at > clock_timestamp() as "wasGood"`
    return ended.filter(({ wasGood }) => wasGood).length
  })
}
