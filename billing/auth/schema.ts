import { index, text, timestamp } from 'drizzle-orm/pg-core'
import { credits } from '../ledger/schema.ts'

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** A wallet that is signed in. Only the token's SHA-256 is kept: whoever reads the database can not act as anybody. */
export const walletToken = credits.table(
  'wallet_token',
  {
    tokenHash: text('token_hash').primaryKey(),
    address: text('address').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('wallet_token_by_expiry').on(table.expiresAt)],
)
