import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { big, credits, instant } from '../database/schema.ts'

/** Every kind of event that is announced: to wallets by event streams, to the operator's system by webhooks. */
export const eventKinds = [
  'deposit.pending',
  'deposit.credited',
  'deposit.held',
  'deposit.reversed',
  'deposit.orphaned',
  'balance.low',
  'balance.exhausted',
  'session.started',
  'session.grace',
  'session.resumed',
  'session.ended',
  'volume.debt_warning',
  'volume.prune_due',
] as const
export type EventKind = (typeof eventKinds)[number]

/**
 * The outbox: an event is written in the same transaction as the change it announces, so every change is announced and
 * nothing else is. Ids are assigned before the commit and may become visible out of order; `seq` is assigned afterwards,
 * by one publisher at a time, and is the order in which events are announced.
 */
export const outboxEvent = credits.table(
  'outbox_event',
  {
    id: big('id').primaryKey().generatedAlwaysAsIdentity(),
    kind: text('kind', { enum: eventKinds }).notNull(),
    account: text('account').notNull(),
    payload: jsonb('payload').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    seq: big('seq'),
  },
  (table) => [
    index('outbox_event_by_account').on(table.account, table.id),
    index('outbox_event_unpublished').on(table.id).where(sql`${table.seq} is null`),
    uniqueIndex('outbox_event_is_told_in_one_order').on(table.seq),
    index('outbox_event_stream').on(table.account, table.seq),
  ],
)

/** Up to where events have been deleted, for clients that resume from an earlier place. One row. */
export const outboxForgotten = credits.table(
  'outbox_forgotten',
  {
    one: boolean('one').primaryKey().default(true),
    throughSeq: big('through_seq').notNull().default(sql`0`),
  },
  (table) => [check('outbox_forgotten_is_one', sql`${table.one}`)],
)

/** A receiver of webhooks, by the digest of its URL. An answer of 410 disables it. */
export const webhookEndpoint = credits.table('webhook_endpoint', {
  id: text('id').primaryKey(),
  disabledAt: instant('disabled_at'),
  createdAt: instant('created_at').notNull().defaultNow(),
})

/** `failed`: all attempts have failed. */
export const webhookDeliveryStates = ['pending', 'delivered', 'failed'] as const
export type WebhookDeliveryState = (typeof webhookDeliveryStates)[number]

/** One event on its way to one receiver. Created when the event is published; the primary key prevents a second one. */
export const webhookDelivery = credits.table(
  'webhook_delivery',
  {
    eventId: big('event_id')
      .notNull()
      .references(() => outboxEvent.id),
    endpointId: text('endpoint_id')
      .notNull()
      .references(() => webhookEndpoint.id),
    state: text('state', { enum: webhookDeliveryStates }).notNull(),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: instant('next_attempt_at'),
    deliveredAt: instant('delivered_at'),
  },
  (table) => [
    primaryKey({ columns: [table.eventId, table.endpointId] }),
    index('webhook_delivery_due')
      .on(table.endpointId, table.nextAttemptAt)
      .where(sql`${table.state} = 'pending'`),
  ],
)

/** Every attempt to deliver: what the operator reads when a webhook did not arrive. */
export const webhookAttempt = credits.table(
  'webhook_attempt',
  {
    id: big('id').primaryKey().generatedAlwaysAsIdentity(),
    eventId: big('event_id').notNull(),
    endpointId: text('endpoint_id').notNull(),
    attemptedAt: instant('attempted_at').notNull().defaultNow(),
    durationMs: integer('duration_ms').notNull(),
    /** null: there was no answer. */
    status: integer('status'),
    /** One sentence without secrets; null when the attempt succeeded. */
    problem: text('problem'),
  },
  (table) => [index('webhook_attempt_by_event').on(table.eventId, table.id)],
)
