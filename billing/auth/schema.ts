import { bigint, index, integer, text } from 'drizzle-orm/pg-core'
import { instant } from '../database/columns.ts'
import { credits } from '../ledger/schema.ts'

/** A wallet that is signed in. Only the token's SHA-256 is kept: whoever reads the database can not act as anybody. */
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
 * A message that was given out to be signed, by the hash of its whole text (EIP-191): nonce, domain, chain, address and times
 * are all in it, so another text is another message. Its row is deleted by the statement that writes the token it is
 * redeemed for: a row can be deleted once, so a message signs in once (ADR 0016).
 */
export const signInChallenge = credits.table(
  'sign_in_challenge',
  {
    messageHash: text('message_hash').primaryKey(),
    address: text('address').notNull(),
    /** Where the wallet is asked, should it be a contract. */
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    /** How often a signature of it was sent. */
    tries: integer('tries').notNull().default(0),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('sign_in_challenge_by_expiry').on(table.expiresAt)],
)
