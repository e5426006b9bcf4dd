import type postgres from 'postgres'
import type { Sql, Transaction } from '../database/connect.ts'
import type { EventKind } from './schema.ts'

/**
 * The INSERT of some events, to be put at the end of a statement: a change and the events about it are then one statement.
 * It returns the `id` of the deposit or volume that each event is about.
 *
 * @example
 * await sql`
 *   with moved as (update credits.deposit set … returning id, payer, rail, tx_hash, amount_base_units)
 *   ${insertDepositPending(sql, sql`moved`)}`
 */
export type InsertEvents = postgres.PendingQuery<{ id: string }[]>

/** A deposit was seen for the first time, or came back. `rows` follows FROM and has the columns of a deposit. */
export function insertDepositPending(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  return insertDepositEvents(sql, 'deposit.pending', rows)
}

/** A deposit is held, or its reason changed. `rows` follows FROM and has the columns of a deposit, and `reason`. */
export function insertDepositHeld(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  return insertDepositEvents(sql, 'deposit.held', rows, sql`jsonb_build_object('reason', reason)`)
}

/** No canonical block holds a deposit any more. `rows` follows FROM and has the columns of a deposit. */
export function insertDepositOrphaned(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  return insertDepositEvents(sql, 'deposit.orphaned', rows)
}

/**
 * A deposit was credited. `rows` follows FROM and has the columns of a deposit, `credit_micros` and `attempt`; its
 * amount is the one that was proven.
 */
export function insertDepositCredited(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  const details = sql`jsonb_build_object('creditMicros', credit_micros::text, 'attempt', attempt)`
  return insertDepositEvents(sql, 'deposit.credited', rows, details)
}

/**
 * A credit was reversed. `rows` follows FROM and has the columns of a deposit, and of the credit `reversed_micros` and
 * `attempt`.
 */
export function insertDepositReversed(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  const details = sql`jsonb_build_object('reversedMicros', reversed_micros::text, 'attempt', attempt)`
  return insertDepositEvents(sql, 'deposit.reversed', rows, details)
}

/**
 * The owner of a volume owes a share of the debt limit. `rows` follows FROM and has `id`, `account`, `size_bytes` and
 * `debt_percent`; at 100 the volume is due for pruning.
 */
export function insertVolumeDebt(sql: Sql | Transaction, rows: postgres.Fragment): InsertEvents {
  const due: EventKind = 'volume.prune_due'
  const warning: EventKind = 'volume.debt_warning'
  return insertEvents(sql, rows, {
    kind: sql`case debt_percent when 100 then ${due} else ${warning} end`,
    account: sql`account`,
    payload: sql`jsonb_build_object(
      'id', id, 'wallet', account, 'sizeBytes', size_bytes::text, 'debtPercent', debt_percent)`,
  })
}

/** Every event about a deposit tells of its columns `id`, `rail`, `tx_hash`, `payer` and `amount_base_units`. */
function insertDepositEvents(
  sql: Sql | Transaction,
  kind: EventKind,
  rows: postgres.Fragment,
  details: postgres.Fragment = sql`'{}'::jsonb`,
): InsertEvents {
  return insertEvents(sql, rows, {
    kind: sql`${kind}`,
    account: sql`payer`,
    payload: sql`jsonb_build_object(
      'id', id, 'rail', rail, 'txHash', tx_hash, 'payer', payer, 'amountBaseUnits', amount_base_units::text
    ) || ${details}`,
  })
}

/** Writes an event for each row, in their order. `kind`, `account` and `payload` are expressions on a row. */
function insertEvents(
  sql: Sql | Transaction,
  rows: postgres.Fragment,
  { kind, account, payload }: Record<'kind' | 'account' | 'payload', postgres.Fragment>,
): InsertEvents {
  return sql<{ id: string }[]>`
    insert into credits.outbox_event (kind, account, payload)
    select ${kind}, ${account}, ${payload} from ${rows}
    returning payload->>'id' as id`
}
