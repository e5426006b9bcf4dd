import { bigint, index, integer, text } from 'drizzle-orm/pg-core'
import { credits, instant } from '../database/schema.ts'

/** A signed-in wallet. Only the token's SHA-256 is kept, so reading the database does not let one act as anybody. */
export const walletToken = credits.table(
  'wallet_token',
  {
    tokenHash: text('token_hash').primaryKey(),
    address: text('address').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    index('wallet_token_by_expiry').on(table.expiresAt),
    index('wallet_token_by_address').on(table.address, table.expiresAt),
  ],
)

/**
 * A message issued for signing, by the hash of its whole text (EIP-191): nonce, domain, chain, address and times are all in
 * it, so another text is another message. The statement that writes the token deletes this row: a row can be deleted only
 * once, so a message signs in only once (ADR 0016).
 */
export const signInChallenge = credits.table(
  'sign_in_challenge',
  {
    messageHash: text('message_hash').primaryKey(),
    address: text('address').notNull(),
    /** The chain on which the wallet is asked if it is a contract. */
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    /** How many signatures of it were tried. */
    tries: integer('tries').notNull().default(0),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('sign_in_challenge_by_expiry').on(table.expiresAt)],
)
