import type { Transaction } from '../database/connect.ts'
import {
  type Rule,
  streamDifferences,
  type VerificationStep,
  type Within,
  walkRanges,
} from './differences.ts'

/** What is billed between two ticks of the clock is ahead of the last one; and a clock that jumps may stand still for as long. */
const LAG = '10 seconds'

/**
 * Verifies metering against itself and the ledger: what a meter holds back from its account's balance equals the usage
 * without an entry plus the open hours of its sessions; its count of live sessions is right; what a session or volume has
 * cost is the sum of its usage; every posted usage matches an entry of usage or storage, and vice versa; and the database's
 * guards are in place.
 *
 * Together with `verify`, which proves that a balance is the sum of its entries, it follows that every account may spend
 * Σ entries − unposted usage. Changes nothing. Pass the `repeatable read` transaction of `verify`. Memory is bounded.
 */
export async function* verifyUsage(tx: Transaction): AsyncGenerator<VerificationStep> {
  const meters = { what: 'meters', table: 'meter', key: 'account' }
  yield* walkRanges(tx, meters, (within) => meterRules(tx, within))
  const sessions = { what: 'sessions', table: 'session', key: 'id' }
  yield* walkRanges(tx, sessions, (within) => sessionRules(tx, within))
  const volumes = { what: 'volumes', table: 'volume', key: 'id' }
  yield* walkRanges(tx, volumes, (within) => volumeRules(tx, within))
  // Unposted usage has no entry to compare with; its sum was compared with the meters above.
  const posted = { what: 'postings', table: 'usage', key: 'entry_id' }
  yield* walkRanges(tx, posted, (within) => postedRules(tx, within))
  yield* streamDifferences(clockRules(tx))
}

/** Where the clock stands; until the first tick of all, where the machine does. */
const clockOf = (tx: Transaction) =>
  tx`(select coalesce(alive_at, clock_timestamp()) as alive_at, vouched_micros from credits.metering_clock)`

function clockRules(tx: Transaction): Rule[] {
  return [
    {
      // It never goes back, so it would stay there, and bill for the time it skipped.
      name: 'clock-is-ahead',
      offenders: tx`
        select 'metering_clock' as subject,
          format('is at %s since %s, and the machine is at %s', alive_at, alive_since, n.at) as detail
        from credits.metering_clock,
          lateral (select clock_timestamp() - (skew_micros - vouched_micros) * interval '1 microsecond' as at) n
        where alive_since > alive_at or alive_at > n.at + ${LAG}::interval`,
    },
  ]
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
    {
      // The last session of an account ends at the moment from which the account is idle; a downtime that a chain vouched for
      // afterwards moves the one and not the other.
      name: 'idle-since-is-not-the-last-end',
      offenders: tx`
        select m.account as subject, format('is idle since %s, its last session ended at %s', m.idle_since, s.ended_at) as detail
        from (select account, idle_since from credits.meter where live_sessions = 0 and ${within('account')}) m
        join (
          select account, max(ended_at) as ended_at from credits.session where ${within('account')} group by account
        ) s on s.account = m.account
        cross join ${clockOf(tx)} c
        where (m.idle_since between s.ended_at and s.ended_at + c.vouched_micros * interval '1 microsecond') is not true`,
    },
    {
      // Between two sessions nothing was live; only what was idle before the first one is not written down anywhere else.
      name: 'idle-time-is-less-than-between-sessions',
      offenders: tx`
        select m.account as subject,
          format('%s micros idle, and between its sessions alone there are %s', m.idle_micros, s.micros) as detail
        from (select account, idle_micros from credits.meter where ${within('account')}) m
        join (
          select account, sum(greatest("credits"."micros_between"(ended_before, started_at), 0)) as micros from (
            select account, started_at, max(ended_at) over earlier as ended_before,
              coalesce(bool_or(ended_at is null) over earlier, false) as one_lives
            from credits.session where ${within('account')}
            window earlier as (partition by account order by started_at, id rows between unbounded preceding and 1 preceding)
          ) starts where not one_lives group by account
        ) s on s.account = m.account
        cross join ${clockOf(tx)} c
        where m.idle_micros < s.micros - c.vouched_micros`,
    },
    {
      name: 'grace-is-not-that-of-its-sessions',
      offenders: tx`
        select coalesce(m.account, s.account) as subject, format('used %s micros of grace in all, its sessions used %s',
          coalesce(m.grace_total_micros, 0), coalesce(s.micros, 0)) as detail
        from (select account, grace_total_micros from credits.meter where ${within('account')}) m
        full join (
          select account, sum(grace_micros) as micros from credits.session where ${within('account')} group by account
        ) s on s.account = m.account
        where coalesce(m.grace_total_micros, 0) <> coalesce(s.micros, 0)`,
    },
    {
      // Each refill keeps what was used until then, so that the rest was used since.
      name: 'grace-is-not-that-since-its-refill',
      offenders: tx`
        select m.account as subject, format('used %s micros of grace since the last refill, of %s in all and %s until then',
          m.grace_used_micros, m.grace_total_micros, coalesce(r.micros, 0)) as detail
        from (select * from credits.meter where ${within('account')}) m
        left join (
          select account, max(grace_total_micros) as micros from credits.grace_refill where ${within('account')} group by account
        ) r on r.account = m.account
        where m.grace_used_micros <> m.grace_total_micros - coalesce(r.micros, 0)`,
    },
    {
      name: 'meter-is-ahead-of-the-clock',
      offenders: tx`
        select m.account as subject, format('is idle since %s, and the clock is at %s', m.idle_since, c.alive_at) as detail
        from credits.meter m, ${clockOf(tx)} c
        where m.idle_since > c.alive_at + ${LAG}::interval and ${within('m.account')}`,
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
    {
      // Only a session whose grace was used up is over before the moment at which that was seen.
      name: 'session-is-billed-through-another-moment',
      offenders: tx`
        select 'session ' || s.id as subject, format('%s since %s, last heard %s, billed through %s, ended %s, in the hour of %s; the clock is at %s',
            s.state, s.started_at, s.last_beat_at, s.billed_through, coalesce(s.ended_at::text, 'not yet'), s.hour, c.alive_at) as detail
        from credits.session s cross join ${clockOf(tx)} c
        where ${within('s.id')} and (
          s.started_at <= s.last_beat_at and s.last_beat_at <= s.billed_through
          and s.last_beat_at <= coalesce(s.ended_at, s.last_beat_at) + ${LAG}::interval
          and greatest(s.ended_at, s.billed_through, s.hour) <= c.alive_at + ${LAG}::interval
          and (s.ended_at is null or s.end_reason = 'grace_exhausted' or s.billed_through <= s.ended_at + ${LAG}::interval)
          and s.hour = date_trunc('hour', s.hour, 'UTC')
          and s.hour >= date_trunc('hour', greatest(s.last_beat_at, s.ended_at), 'UTC')
          and (s.ended_at is null or s.end_reason = 'grace_exhausted' or s.hour = date_trunc('hour', s.ended_at, 'UTC'))
        ) is not true`,
    },
    {
      name: 'session-is-billed-for-more-than-its-time',
      offenders: tx`
        select 'session ' || id as subject,
          format('%s micros for %s GPUs from %s to %s', total_billed_micros, gpus, started_at, billed_through) as detail
        from credits.session
        where total_billed_micros > "credits"."micros_between"(started_at, billed_through)::numeric * gpus and ${within('id')}`,
    },
    {
      name: 'usage-is-of-another-time',
      offenders: tx`
        select 'usage of session ' || u.source_id || ' at ' || u.hour as subject,
          format('the session was there from %s to %s', s.started_at, s.hour) as detail
        from credits.usage u join credits.session s on s.id = u.source_id
        where u.source = 'session' and ${within('u.source_id')}
          and not (u.hour = date_trunc('hour', u.hour, 'UTC') and u.hour >= date_trunc('hour', s.started_at, 'UTC')
            and u.hour <= s.hour)`,
    },
  ]
}

function volumeRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      // Over all owners: a deleted volume's id may be used again by another wallet.
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
    {
      // Billed ahead, it would cost nothing for as long.
      name: 'volume-is-billed-ahead',
      offenders: tx`
        select 'volume ' || v.id as subject, format('is billed through %s micros of idle time, its owner has %s so far',
            v.billed_idle_micros, i.idle) as detail
        from credits.volume v join credits.meter m on m.account = v.account, ${clockOf(tx)} c,
          lateral (select "credits"."plan_idle"(m.idle_micros, m.idle_since, c.alive_at + ${LAG}::interval) as idle) i
        where ${within('v.id')} and not (v.billed_idle_micros between 0 and i.idle)`,
    },
    {
      name: 'volume-is-of-another-time',
      offenders: tx`
        select 'volume ' || v.id as subject,
          format('reported at %s, deleted at %s; the clock is at %s', v.created_at, v.deleted_at, c.alive_at) as detail
        from credits.volume v, ${clockOf(tx)} c
        where ${within('v.id')} and (v.remainder >= 0 and v.created_at <= c.alive_at + ${LAG}::interval
          and coalesce(v.deleted_at between v.created_at and c.alive_at + ${LAG}::interval, true)) is not true`,
    },
    {
      name: 'usage-is-of-another-time',
      offenders: tx`
        select 'usage of volume ' || u.source_id || ' at ' || u.hour as subject,
          format('the volume was there from %s to %s', v.created_at, coalesce(v.deleted_at, c.alive_at)) as detail
        from credits.usage u join credits.volume v on v.id = u.source_id, ${clockOf(tx)} c
        where u.source = 'volume' and ${within('u.source_id')}
          and not (u.hour = date_trunc('hour', u.hour, 'UTC') and u.hour >= date_trunc('hour', v.created_at, 'UTC')
            and u.hour <= coalesce(v.deleted_at, c.alive_at + ${LAG}::interval))`,
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
            else format('%s micros of %s, but its entry %s is "%s", %s micros of %s at %s, with %s',
              u.micros, u.account, e.id, e.reference, e.micros, e.account, e.event_at, e.details)
          end as detail
        from (
          select *, to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24"Z"') as at from credits.usage
          where entry_id is not null and ${within('entry_id')}
        ) u
        full join (
          select id, account, kind, micros, reference, details, event_at from credits.ledger_entry
          where kind in ('usage', 'storage') and ${within('id')}
        ) e on e.id = u.entry_id
        where (e.micros = -u.micros and e.account = u.account and e.event_at = u.hour + interval '1 hour'
          and e.details = jsonb_build_object(coalesce(u.source, '') || 'Id', u.source_id, 'hour',
            to_char(u.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) and case u.source
            when 'session' then e.kind = 'usage' and e.reference = 'usage:' || u.source_id || ':' || u.at
            when 'volume' then e.kind = 'storage'
              and e.reference = 'storage:' || u.source_id || ':' || u.account || ':' || u.at
          end) is not true`,
    },
  ]
}
