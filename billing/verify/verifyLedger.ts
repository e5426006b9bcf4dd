import type { Transaction } from '../database/connect.ts'
import {
  type Rule,
  streamDifferences,
  type VerificationStep,
  type Within,
  walkRanges,
} from './differences.ts'

/**
 * Verifies the ledger from its own rows: every balance is the sum of its entries, every reference is well-formed and unique,
 * every adjustment matches its entry, every reversal takes back exactly its entry, and the database's guards are in place.
 * `verifyDeposits` checks the entries of deposits, `verifyUsage` those of usage.
 *
 * Changes nothing. Pass a `repeatable read` transaction: beside a running service, anything else would compare rows of
 * different moments. Memory is bounded whatever the size of the ledger.
 */
export async function* verify(tx: Transaction): AsyncGenerator<VerificationStep> {
  const accounts = { what: 'accounts', table: 'account', key: 'address' }
  yield* walkRanges(tx, accounts, (within) => balanceRules(tx, within))
  yield { kind: 'checked', what: 'entries', count: 0n }
  yield* streamDifferences(uniquenessRules(tx))
  const entries = { what: 'entries', table: 'ledger_entry', key: 'id' }
  yield* walkRanges(tx, entries, (within) => entryRules(tx, within))
  yield* streamDifferences(adjustmentRules(tx))
  yield { kind: 'checked', what: 'adjustments', count: await count(tx, 'adjustment') }
}

function balanceRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'balance-is-not-the-sum',
      offenders: tx`
        select coalesce(a.address, s.account) as subject,
          case when a.address is null then format('has entries of %s micros in sum, but no account', s.micros)
            else format('the balance is %s micros, its entries sum to %s', a.balance_micros, coalesce(s.micros, 0))
          end as detail
        from (select address, balance_micros from credits.account where ${within('address')}) a
        full join (
          select account, sum(micros) as micros from credits.ledger_entry where ${within('account')} group by account
        ) s on s.account = a.address
        where a.address is null or a.balance_micros <> coalesce(s.micros, 0)`,
    },
  ]
}

function entryRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'reference-is-malformed',
      offenders: tx`
        select 'entry ' || id as subject,
          format('kind %s with reference "%s"', kind, reference) as detail
        from credits.ledger_entry
        where (case kind
          when 'deposit' then reference ~ '^deposit:[^:]+:[1-9][0-9]*$'
          when 'deposit_reversal' then reference ~ '^deposit_reversal:[^:]+:[1-9][0-9]*$'
          when 'adjustment' then reference ~ '^adjustment:.'
          when 'usage' then reference ~ '^usage:.+:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}Z$'
          when 'storage' then reference ~ '^storage:.+:0x[0-9a-f]{40}:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}Z$'
          else false end) is not true and ${within('id')}`,
    },
    {
      name: 'entry-is-zero',
      offenders: tx`
        select 'entry ' || id as subject, 'has 0 micros' as detail
        from credits.ledger_entry where micros = 0 and ${within('id')}`,
    },
    {
      name: 'reversal-is-not-exact',
      offenders: tx`
        select 'entry ' || r.id as subject,
          case
            when r.reverses_entry_id is null then 'is a reversal, but names no entry'
            when e.id is null then format('reverses entry %s, which does not exist', r.reverses_entry_id)
            else format('reverses entry %s ("%s", %s micros of %s) by "%s", %s micros of %s',
              e.id, e.reference, e.micros, e.account, r.reference, r.micros, r.account)
          end as detail
        from credits.ledger_entry r
        left join credits.ledger_entry e on e.id = r.reverses_entry_id
        where (r.kind = 'deposit_reversal' or r.reverses_entry_id is not null)
          and (r.kind = 'deposit_reversal' and e.kind = 'deposit' and e.account = r.account and e.micros = -r.micros
            and r.reference = 'deposit_reversal:' || substr(e.reference, length('deposit:') + 1)) is not true
          and ${within('r.id')}`,
    },
  ]
}

/** Rules that need all entries at once. */
function uniquenessRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'reference-is-not-unique',
      offenders: tx`
        select 'entry ' || max(id) as subject,
          format('%s entries have the reference "%s"', count(*), reference) as detail
        from credits.ledger_entry group by reference having count(*) > 1`,
    },
    {
      name: 'entry-is-reversed-twice',
      offenders: tx`
        select 'entry ' || reverses_entry_id as subject, format('is reversed by %s entries', count(*)) as detail
        from credits.ledger_entry where reverses_entry_id is not null
        group by reverses_entry_id having count(*) > 1`,
    },
  ]
}

function adjustmentRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'adjustment-is-not-its-entry',
      offenders: tx`
        select coalesce('adjustment "' || a.idempotency_key || '"', 'entry ' || e.id) as subject,
          case
            when a.entry_id is null then format('"%s" has no adjustment', e.reference)
            when e.id is null then format('its entry %s does not exist', a.entry_id)
            else format('%s micros of %s at %s for "%s", but its entry %s is "%s", %s micros of %s at %s, of %s, with %s',
              a.micros, a.account, a.created_at, a.reason, e.id, e.reference, e.micros, e.account, e.created_at, e.event_at,
              e.details)
          end as detail
        from credits.adjustment a
        full join (select * from credits.ledger_entry where kind = 'adjustment') e on e.id = a.entry_id
        where (e.reference = 'adjustment:' || a.idempotency_key and e.micros = a.micros and e.account = a.account
          and e.details = jsonb_build_object('reason', a.reason) and e.created_at = a.created_at
          -- Taken after the transaction began, of which it may have waited a while; and cut to milliseconds.
          and e.event_at between e.created_at - interval '1 millisecond' and e.created_at + interval '10 minutes')
          is not true`,
    },
  ]
}

async function count(tx: Transaction, table: string): Promise<bigint> {
  const [row] = await tx<{ count: bigint }[]>`select count(*) as count from credits.${tx(table)}`
  return row?.count ?? 0n
}
