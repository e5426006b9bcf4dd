import { bigint, index, jsonb, text, timestamp } from 'drizzle-orm/pg-core'
import { credits } from '../ledger/schema.ts'

/**
 * The outbox: what happened, written in the same transaction as the thing itself, so nothing is told that did not
 * happen and nothing happens untold. Deliverers read it in id order.
 */
export const outboxEvent = credits.table(
  'outbox_event',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    kind: text('kind', {
      enum: ['deposit.pending', 'deposit.credited', 'deposit.held', 'deposit.reversed', 'deposit.orphaned'],
    }).notNull(),
    account: text('account').notNull(),
    payload: jsonb('payload').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true, mode: 'date' }).notNull().defaultNow(),
  },
  (table) => [index('outbox_event_by_account').on(table.account, table.id)],
)
