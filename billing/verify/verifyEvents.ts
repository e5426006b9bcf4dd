import type { Transaction } from '../database/connect.ts'
import {
  type Rule,
  streamDifferences,
  type VerificationStep,
  type Within,
  walkRanges,
} from './differences.ts'

/**
 * Proves what was told against what is there: every event about a deposit, a credit, a reversal or a session says what
 * its row says, and whatever must have been told was. Events are written in the transaction of what they tell and are never
 * changed, so for as long as they are kept they are a second record of every payment and every session: who changes the
 * books alike in every table has to change what was told, too.
 *
 * Changes nothing. Hand in the `repeatable read` transaction of `verify`. Memory is bounded.
 */
export async function* verifyEvents(tx: Transaction): AsyncGenerator<VerificationStep> {
  const events = { what: 'events', table: 'outbox_event', key: 'id' }
  yield* walkRanges(tx, events, (within) => eventRules(tx, within))
  yield* streamDifferences([...depositRules(tx), ...untoldRules(tx)])
}

/** What PostgreSQL itself writes for a moment in JSON. A payload changed by hand may hold anything, which no cast survives. */
const MOMENT = String.raw`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?[+-]\d\d(:\d\d)?$`

function eventRules(tx: Transaction, within: Within): Rule[] {
  return [
    {
      name: 'event-is-not-its-deposit',
      offenders: tx`
        select 'event ' || e.id as subject,
          case when d.id is null then format('%s of deposit %s, which does not exist', e.kind, e.payload->>'id')
            else format('%s of deposit %s tells %s of account %s', e.kind, d.id, e.payload, e.account) end as detail
        from credits.outbox_event e
        left join credits.deposit d on d.id = e.payload->>'id'
        where e.kind like 'deposit.%' and ${within('e.id')}
          and (e.account = d.payer and e.payload->>'payer' = d.payer and e.payload->>'rail' = d.rail
            and e.payload->>'txHash' = d.tx_hash) is not true`,
    },
    {
      name: 'event-is-not-its-credit',
      offenders: tx`
        select 'event ' || e.id as subject,
          case when c.deposit_id is null then format('%s attempt %s of deposit %s, which has no such credit', e.kind,
              e.payload->>'attempt', e.payload->>'id')
            else format('%s of deposit %s attempt %s tells %s micros for %s base units at %s, the credit is %s for %s at %s, %s', e.kind,
              c.deposit_id, c.attempt, coalesce(e.payload->>'creditMicros', e.payload->>'reversedMicros'),
              e.payload->>'amountBaseUnits', e.created_at, c.micros, c.amount_base_units, c.created_at,
              coalesce('reversed at ' || r.created_at, 'not reversed'))
          end as detail
        from credits.outbox_event e
        left join credits.deposit_credit c on c.deposit_id = e.payload->>'id' and c.attempt::text = e.payload->>'attempt'
        left join credits.ledger_entry r on r.id = c.reversal_entry_id
        where e.kind in ('deposit.credited', 'deposit.reversed') and ${within('e.id')}
          and (e.payload->>'amountBaseUnits' = c.amount_base_units::text and case e.kind
              when 'deposit.credited' then e.payload->>'creditMicros' = c.micros::text and e.created_at = c.created_at
              else e.payload->>'reversedMicros' = c.micros::text and e.created_at = r.created_at
            end) is not true`,
    },
    {
      name: 'event-is-not-its-session',
      offenders: tx`
        select 'event ' || e.id as subject,
          case when s.id is null then format('%s of session %s, which does not exist', e.kind, e.payload->>'id')
            else format('%s of session %s tells %s of account %s', e.kind, s.id, e.payload, e.account) end as detail
        from credits.outbox_event e
        left join credits.session s on s.id = e.payload->>'id'
        -- A downtime that a chain vouched for moves what began after it.
        cross join credits.metering_clock c
        where e.kind like 'session.%' and ${within('e.id')}
          and (e.account = s.account and e.payload->>'wallet' = s.account and e.payload->>'profile' = s.profile
            and e.payload->>'gpus' = s.gpus::text
            and case when e.payload->>'startedAt' ~ ${MOMENT}
              then s.started_at - (e.payload->>'startedAt')::timestamptz between interval '0' and c.vouched_micros * interval '1 microsecond' end
            and (e.kind <> 'session.ended' or s.state = 'ended' and e.payload->>'endReason' = s.end_reason
              and e.payload->>'totalBilledMicros' = s.total_billed_micros::text)) is not true`,
    },
    {
      name: 'event-is-not-its-volume',
      offenders: tx`
        select 'event ' || e.id as subject, format('%s of volume %s, which does not exist', e.kind, e.payload->>'id') as detail
        from credits.outbox_event e
        where e.kind like 'volume.%' and ${within('e.id')}
          and not exists (select from credits.volume v where v.id = e.payload->>'id')`,
    },
  ]
}

/**
 * What the last event about a deposit leaves it in. A look that ends as the one before tells nothing, a held one that a reorg
 * moves is pending again, and a rail that was off held its deposits by a migration; everything else is told.
 */
function depositRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'deposit-is-not-its-last-event',
      offenders: tx`
        select 'deposit ' || d.id as subject,
          format('is %s of %s base units for %s, and was last told as %s of %s for %s', d.state, d.amount_base_units,
            coalesce(d.reason, 'no reason'), e.kind, e.payload->>'amountBaseUnits', coalesce(e.payload->>'reason', 'no reason'))
            as detail
        from credits.deposit d
        join (
          select distinct on (payload->>'id') payload->>'id' as deposit_id, kind, payload
          from credits.outbox_event where kind like 'deposit.%' order by payload->>'id', id desc
        ) e on e.deposit_id = d.id
        -- A sighting in the same block that shows more raises the amount, and tells nothing.
        where (d.amount_base_units::text in (e.payload->>'amountBaseUnits', d.seen_base_units::text) and case d.state
            when 'pending' then e.kind in ('deposit.pending', 'deposit.held', 'deposit.reversed')
            when 'held' then d.reason = 'rail_disabled' or (e.kind = 'deposit.held' and e.payload->>'reason' = d.reason)
            when 'rejected' then e.kind in ('deposit.pending', 'deposit.held')
            else e.kind = 'deposit.' || d.state end) is not true`,
    },
    {
      name: 'deposit-is-not-its-first-event',
      offenders: tx`
        select 'deposit ' || d.id as subject,
          case when e.deposit_id is null then format('was first seen at %s, and never told as pending', d.first_seen_at)
            else format('was first seen at %s, and first told as %s at %s', d.first_seen_at, e.kind, e.created_at) end as detail
        from credits.deposit d
        left join (
          select distinct on (payload->>'id') payload->>'id' as deposit_id, kind, created_at
          from credits.outbox_event where kind like 'deposit.%' order by payload->>'id', id
        ) e on e.deposit_id = d.id
        where d.first_seen_at > ${keptSince(tx)}
          and (e.kind = 'deposit.pending' and e.created_at = d.first_seen_at) is not true`,
    },
  ]
}

/** Whatever was written since then still has its events: old ones are forgotten in the order in which they were told. */
function keptSince(tx: Transaction) {
  return tx`(
    select case when f.through_seq = 0 then '-infinity'::timestamptz
      else coalesce((select min(e.created_at) + interval '1 day' from credits.outbox_event e
        where e.seq = (select min(seq) from credits.outbox_event where seq > f.through_seq)), 'infinity') end
    from credits.outbox_forgotten f)`
}

/** What must have been told and was not: rows that somebody wrote past the service. */
function untoldRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'credit-was-not-told',
      offenders: tx`
        select 'credit ' || c.deposit_id || ' attempt ' || c.attempt as subject,
          format('%s micros at %s, and no event says so', c.micros, c.created_at) as detail
        from credits.deposit_credit c
        where c.created_at > ${keptSince(tx)} and not exists (
          select from credits.outbox_event e where e.kind = 'deposit.credited' and e.payload->>'id' = c.deposit_id
            and e.payload->>'attempt' = c.attempt::text)`,
    },
    {
      name: 'reversal-was-not-told',
      offenders: tx`
        select 'credit ' || c.deposit_id || ' attempt ' || c.attempt as subject,
          format('reversed by entry %s, and no event says so', c.reversal_entry_id) as detail
        from credits.deposit_credit c join credits.ledger_entry r on r.id = c.reversal_entry_id
        where r.created_at > ${keptSince(tx)} and not exists (
          select from credits.outbox_event e where e.kind = 'deposit.reversed' and e.payload->>'id' = c.deposit_id
            and e.payload->>'attempt' = c.attempt::text)`,
    },
    {
      name: 'release-is-not-of-its-hold',
      offenders: tx`
        select 'credit ' || r.deposit_id || ' attempt ' || r.attempt as subject,
          format('was released from %s, and told as held for %s', r.reason, coalesce(h.reason, 'nothing')) as detail
        from credits.deposit_release r
        left join lateral (
          select e.payload->>'reason' as reason from credits.outbox_event e
          where e.account = (select d.payer from credits.deposit d where d.id = r.deposit_id)
            and e.kind = 'deposit.held' and e.payload->>'id' = r.deposit_id and e.created_at <= r.created_at
          order by e.id desc limit 1
        ) h on true
        where r.created_at > ${keptSince(tx)} and h.reason is distinct from r.reason`,
    },
    {
      // Nothing younger than a day is ever forgotten: what was called forgotten is not asked for above.
      name: 'events-are-forgotten-too-early',
      offenders: tx`
        select 'event ' || min(e.id) as subject, format('%s events of today are called forgotten, through %s', count(*), f.through_seq)
            as detail
        from credits.outbox_event e, credits.outbox_forgotten f
        where e.seq <= f.through_seq and e.created_at > now() - interval '12 hours' group by f.through_seq`,
    },
    {
      name: 'session-was-not-told',
      offenders: tx`
        select 'session ' || s.id as subject, format('started at %s, is %s, and was told as %s', s.started_at, s.state,
            coalesce(e.kinds::text, 'nothing')) as detail
        from credits.session s
        left join (
          select payload->>'id' as session_id, array_agg(kind) as kinds,
            (array_agg(kind order by id desc))[1] as last_kind
          from credits.outbox_event where kind like 'session.%' group by 1
        ) e on e.session_id = s.id
        where s.started_at > ${keptSince(tx)} and ('session.started' = any(e.kinds) and case s.state
            when 'running' then e.last_kind in ('session.started', 'session.resumed')
            else e.last_kind = 'session.' || s.state end) is not true`,
    },
  ]
}
