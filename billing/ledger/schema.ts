import { sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, check, index, jsonb, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { credits, instant } from '../database/schema.ts'

const micros = (name: string) => bigint(name, { mode: 'bigint' })

/** Why an entry exists. */
export const entryKinds = ['deposit', 'deposit_reversal', 'adjustment', 'usage', 'storage'] as const
export type EntryKind = (typeof entryKinds)[number]

/**
 * A wallet that holds credit. `balanceMicros` is the sum of its entries, maintained by a database trigger on the insert of
 * entries (see the migration), so no code can post an entry and forget the balance.
 */
export const account = credits.table(
  'account',
  {
    address: text('address').primaryKey(),
    balanceMicros: micros('balance_micros').notNull().default(sql`0`),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [check('account_address_is_lower_case', sql`${table.address} ~ '^0x[0-9a-f]{40}$'`)],
)

/**
 * One posting. Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE, whoever asks. `reference` is unique, so each
 * posting happens at most once; `reversesEntryId` is unique, so an entry is reversed at most once.
 */
export const ledgerEntry = credits.table(
  'ledger_entry',
  {
    id: micros('id').primaryKey().generatedAlwaysAsIdentity(),
    account: text('account')
      .notNull()
      .references(() => account.address),
    kind: text('kind', { enum: entryKinds }).notNull(),
    micros: micros('micros').notNull(),
    reference: text('reference').notNull(),
    reversesEntryId: micros('reverses_entry_id').references((): AnyPgColumn => ledgerEntry.id),
    details: jsonb('details').notNull().default({}),
    /** When it happened (a block's time), as opposed to when it was written. */
    eventAt: instant('event_at').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('ledger_entry_reference_is_unique').on(table.reference),
    uniqueIndex('ledger_entry_is_reversed_at_most_once').on(table.reversesEntryId),
    index('ledger_entry_by_account').on(table.account, table.id.desc()),
    // Added up with each heartbeat in grace: what an account's deposits bought.
    index('ledger_entry_bought')
      .on(table.account, table.micros)
      .where(sql`${table.kind} in ('deposit', 'deposit_reversal')`),
    check('ledger_entry_micros_is_not_zero', sql`${table.micros} <> 0`),
    check(
      'ledger_entry_kind_is_known',
      sql`${table.kind} in ('deposit', 'deposit_reversal', 'adjustment', 'usage', 'storage')`,
    ),
    check(
      'ledger_entry_reversal_names_its_entry',
      sql`(${table.kind} = 'deposit_reversal') = (${table.reversesEntryId} is not null)`,
    ),
  ],
)

/** An operator's adjustment by its Idempotency-Key: the same key gets the same answer, another body is a conflict. */
export const adjustment = credits.table('adjustment', {
  idempotencyKey: text('idempotency_key').primaryKey(),
  account: text('account').notNull(),
  micros: micros('micros').notNull(),
  reason: text('reason').notNull(),
  entryId: micros('entry_id')
    .notNull()
    .unique()
    .references(() => ledgerEntry.id),
  createdAt: instant('created_at').notNull().defaultNow(),
})
