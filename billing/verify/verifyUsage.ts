import type { Transaction } from '../database/connect.ts'
import { type Rule, type VerificationStep, type Within, walkRanges } from './differences.ts'
import { findMissingGuards, type Guards } from './findMissingGuards.ts'

const guards: Guards[] = [
  {
    table: 'usage',
    triggers: ['usage_is_kept', 'usage_is_not_truncated'],
    uniqueIndexes: ['usage_source_source_id_account_hour_pk', 'usage_entry_id_unique'],
  },
  { table: 'meter', triggers: [], uniqueIndexes: ['meter_pkey'] },
  { table: 'session', triggers: [], uniqueIndexes: ['session_pkey'] },
  { table: 'volume', triggers: [], uniqueIndexes: ['volume_pkey'] },
]

/**
 * Proves what was metered against itself and the ledger: what a meter holds back from its account's balance is the usage
 * that has no entry yet and the open hours of its sessions; it counts the sessions that are live; what a session and a volume
 * have cost is the sum of their usage; every posted usage and every entry of usage or storage are each other's; and the
 * database's guards are in place.
 *
 * With `verify`, which proves that a balance is the sum of its entries, it follows for every account that what it may
 * spend is Σ entries − unposted usage. Changes nothing. Hand in the `repeatable read` transaction of `verify`. Memory is
 * bounded.
 */
export async function* verifyUsage(tx: Transaction): AsyncGenerator<VerificationStep> {
  for (const difference of await findMissingGuards(tx, guards)) yield { kind: 'difference', difference }
  const meters = { what: 'meters', table: 'meter', key: 'account' }
  yield* walkRanges(tx, meters, (within) => meterRules(tx, within))
  const sessions = { what: 'sessions', table: 'session', key: 'id' }
  yield* walkRanges(tx, sessions, (within) => sessionRules(tx, within))
  const volumes = { what: 'volumes', table: 'volume', key: 'id' }
  yield* walkRanges(tx, volumes, (within) => volumeRules(tx, within))
  // What is not posted has no entry to be compared with; its sum has been, with the meters.
  const posted = { what: 'postings', table: 'usage', key: 'entry_id' }
  yield* walkRanges(tx, posted, (within) => postedRules(tx, within))
}

function meterRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'unposted-is-not-the-usage',
      offenders: tx`
        select coalesce(m.account, u.account) as subject,
          case when m.account is null then format('has %s micros of unposted usage, but no meter', u.micros)
            else format('%s micros are held back from the balance, its unposted usage sums to %s', m.unposted_micros,
              coalesce(u.micros, 0))
          end as detail
        from (select account, unposted_micros from credits.meter where ${within('account')}) m
        full join (
          select account, sum(micros) as micros from (
            select account, micros from credits.usage where entry_id is null and ${within('account')}
            union all
            select account, hour_micros from credits.session where hour_micros <> 0 and ${within('account')}
          ) unposted group by account
        ) u on u.account = m.account
        where m.account is null or m.unposted_micros <> coalesce(u.micros, 0)`,
    },
    {
      name: 'live-sessions-are-miscounted',
      offenders: tx`
        select coalesce(m.account, s.account) as subject,
          format('the meter counts %s live sessions, there are %s', coalesce(m.live_sessions, 0), coalesce(s.live, 0))
            as detail
        from (select account, live_sessions from credits.meter where ${within('account')}) m
        full join (
          select account, count(*) as live from credits.session where state <> 'ended' and ${within('account')}
          group by account
        ) s on s.account = m.account
        where coalesce(m.live_sessions, 0) <> coalesce(s.live, 0)`,
    },
  ]
}

function sessionRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'session-total-is-not-its-usage',
      offenders: tx`
        select 'session ' || coalesce(s.id, u.source_id) as subject,
          case when s.id is null then format('%s used %s micros by it, but has no such session', u.account, u.micros)
            else format('%s micros in all, but its usage sums to %s and its open hour has %s', s.total_billed_micros,
              coalesce(u.micros, 0), s.hour_micros)
          end as detail
        from (select id, account, total_billed_micros, hour_micros from credits.session where ${within('id')}) s
        full join (
          select source_id, account, sum(micros) as micros from credits.usage
          where source = 'session' and ${within('source_id')} group by source_id, account
        ) u on u.source_id = s.id and u.account = s.account
        where s.id is null or s.total_billed_micros <> coalesce(u.micros, 0) + s.hour_micros`,
    },
    {
      // Nothing looks at an ended session again, so what is left in its hour would be held back for ever.
      name: 'ended-session-has-an-open-hour',
      offenders: tx`
        select 'session ' || id as subject, format('has ended, with %s micros that no usage has', hour_micros) as detail
        from credits.session where state = 'ended' and hour_micros <> 0 and ${within('id')}`,
    },
  ]
}

function volumeRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      // Of all who ever owned it: a deleted volume may begin anew with another wallet.
      name: 'volume-total-is-not-its-usage',
      offenders: tx`
        select 'volume ' || coalesce(v.id, u.source_id) as subject,
          case when v.id is null then format('its usage sums to %s micros, but it does not exist', u.micros)
            else format('%s micros in all, but its usage sums to %s', v.total_billed_micros, coalesce(u.micros, 0))
          end as detail
        from (select id, total_billed_micros from credits.volume where ${within('id')}) v
        full join (
          select source_id, sum(micros) as micros from credits.usage
          where source = 'volume' and ${within('source_id')} group by source_id
        ) u on u.source_id = v.id
        where v.id is null or v.total_billed_micros <> coalesce(u.micros, 0)`,
    },
  ]
}

function postedRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'usage-is-not-its-entry',
      offenders: tx`
        select coalesce('usage of ' || u.source || ' ' || u.source_id || ' at ' || u.at, 'entry ' || e.id) as subject,
          case
            when u.source_id is null then format('"%s" belongs to no recorded usage', e.reference)
            when e.id is null then format('its entry %s does not exist, or is of another kind', u.entry_id)
            else format('%s micros of %s, but its entry %s is "%s", %s micros of %s',
              u.micros, u.account, e.id, e.reference, e.micros, e.account)
          end as detail
        from (
          select *, to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24"Z"') as at from credits.usage
          where entry_id is not null and ${within('entry_id')}
        ) u
        full join (
          select id, account, kind, micros, reference from credits.ledger_entry
          where kind in ('usage', 'storage') and ${within('id')}
        ) e on e.id = u.entry_id
        where (e.micros = -u.micros and e.account = u.account and case u.source
            when 'session' then e.kind = 'usage' and e.reference = 'usage:' || u.source_id || ':' || u.at
            when 'volume' then e.kind = 'storage'
              and e.reference = 'storage:' || u.source_id || ':' || u.account || ':' || u.at
          end) is not true`,
    },
  ]
}
