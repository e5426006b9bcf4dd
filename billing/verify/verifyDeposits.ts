import type { Transaction } from '../database/connect.ts'
import { type Rule, streamDifferences, type VerificationStep } from './differences.ts'
import { verifyQuotes } from './verifyQuotes.ts'

/**
 * Verifies the deposits against the ledger: every deposit entry and every reversal belongs to a recorded credit of the same
 * payer and micros, and vice versa; a deposit is `credited` exactly when one credit stands, for the same micros; every
 * credit's micros follow from its stored quote; and the database's guards are in place. `verify` checks the ledger itself.
 *
 * Changes nothing and asks no chain. Pass the `repeatable read` transaction of `verify`. Memory is bounded.
 */
export async function* verifyDeposits(tx: Transaction): AsyncGenerator<VerificationStep> {
  yield* streamDifferences(depositRules(tx))
  const [deposits] = await tx<{ count: bigint }[]>`select count(*) as count from credits.deposit`
  yield { kind: 'checked', what: 'deposits', count: deposits?.count ?? 0n }
  yield* streamDifferences(creditRules(tx))
  yield* verifyQuotes(tx)
}

function depositRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'deposit-id-is-not-its-key',
      offenders: tx`
        select 'deposit ' || id as subject,
          format('chain %s, transaction %s, rail %s, payer %s', chain_id, tx_hash, rail, payer) as detail
        from credits.deposit
        where id <> chain_id || '-' || tx_hash || '-' || split_part(rail, ':', 1) || '-' || payer
          or split_part(rail, ':', 2) <> chain_id::text`,
    },
    {
      name: 'deposit-state-is-not-its-credits',
      offenders: tx`
        select 'deposit ' || d.id as subject,
          format('is %s by %s micros after %s credits, but %s of %s recorded credits stand, by %s micros', d.state,
            coalesce(d.credit_micros, 0), d.attempt, coalesce(c.standing, 0), coalesce(c.credits, 0),
            coalesce(c.micros, 0)) as detail
        from credits.deposit d
        left join (
          select deposit_id, count(*) as credits, max(attempt) as attempt,
            count(*) filter (where reversal_entry_id is null) as standing,
            sum(micros) filter (where reversal_entry_id is null) as micros
          from credits.deposit_credit group by deposit_id
        ) c on c.deposit_id = d.id
        where d.attempt <> coalesce(c.attempt, 0)
          or d.attempt <> coalesce(c.credits, 0)
          or coalesce(d.credit_micros, 0) <> coalesce(c.micros, 0)
          or coalesce(c.standing, 0) <> (case d.state when 'credited' then 1 else 0 end)
          or (d.state = 'reversed' and c.credits is null)`,
    },
    {
      // Until the RPCs have proven another amount, the one that counts is the most that was seen.
      name: 'deposit-is-not-as-it-was-seen',
      offenders: tx`
        select 'deposit ' || id as subject,
          format('%s base units of %s, seen as %s of %s by %s', amount_base_units, rail, seen_base_units, seen_token, seen_by) as detail
        from credits.deposit
        where (attempt = 0 and seen_base_units <> amount_base_units)
          or (seen_by is not null and ((seen_by = 'logs') <> (seen_token is not null) or (seen_token is null) <> (rail like 'eth:%')))`,
    },
    {
      name: 'refill-is-not-of-its-deposit',
      offenders: tx`
        select 'refill ' || r.deposit_id as subject, format('is of %s after %s credits, and of %s', d.payer, d.attempt, r.account) as detail
        from credits.grace_refill r join credits.deposit d on d.id = r.deposit_id
        where r.account <> d.payer or d.attempt = 0`,
    },
    {
      // A look that is never due is the last one. None is put off for longer than a week.
      name: 'deposit-is-not-looked-at',
      offenders: tx`
        select 'deposit ' || id as subject, format('is %s, and not looked at before %s', state, retry_at) as detail
        from credits.deposit where state <> 'credited' and retry_at > now() + interval '8 days'`,
    },
    {
      // In a block that holds it now, and by the time that its entry has; an earlier credit stood in another one.
      name: 'deposit-is-not-its-credit',
      offenders: tx`
        select 'deposit ' || d.id as subject,
          format('%s base units in block %s (%s) of %s, credited at %s; its credit is for %s in block %s (%s) of %s, at %s',
            d.amount_base_units, d.block_number, d.block_hash, d.block_timestamp, d.credited_at, c.amount_base_units,
            c.block_number, c.block_hash, e.event_at, c.created_at) as detail
        from credits.deposit d
        join credits.deposit_credit c on c.deposit_id = d.id and c.reversal_entry_id is null
        left join credits.ledger_entry e on e.id = c.entry_id
        where (d.amount_base_units = c.amount_base_units and d.block_number = c.block_number
          and d.block_hash = c.block_hash and d.credited_at = c.created_at and d.block_timestamp = e.event_at) is not true`,
    },
  ]
}

function creditRules(tx: Transaction): Rule[] {
  return [
    {
      name: 'credit-is-not-its-entry',
      offenders: tx`
        select coalesce('credit ' || c.deposit_id || ' attempt ' || c.attempt, 'entry ' || e.id) as subject,
          case
            when c.entry_id is null then format('"%s" has no recorded credit', e.reference)
            when e.id is null then format('its entry %s does not exist', c.entry_id)
            when d.id is null then 'its deposit does not exist'
            else format('%s micros for %s, but its entry %s is "%s", %s micros of %s',
              c.micros, d.payer, e.id, e.reference, e.micros, e.account)
          end as detail
        from credits.deposit_credit c
        left join credits.deposit d on d.id = c.deposit_id
        full join (select * from credits.ledger_entry where kind = 'deposit') e on e.id = c.entry_id
        where (e.reference = 'deposit:' || c.deposit_id || ':' || c.attempt and e.micros = c.micros
          and e.account = d.payer) is not true`,
    },
    {
      name: 'entry-details-are-not-its-credit',
      offenders: tx`
        select 'entry ' || e.id as subject, format('of %s tells %s, its credit at %s is %s base units of %s, attempt %s',
          e.created_at, e.details, c.created_at, c.amount_base_units, d.id, c.attempt) as detail
        from credits.deposit_credit c
        join credits.deposit d on d.id = c.deposit_id
        join credits.ledger_entry e on e.id = c.entry_id
        where e.created_at <> c.created_at
          or e.details - 'releasedAtBlock' <> jsonb_build_object('depositId', d.id, 'attempt', c.attempt, 'rail', d.rail,
            'txHash', d.tx_hash, 'amountBaseUnits', c.amount_base_units::text)`,
    },
    {
      name: 'entry-details-are-not-its-reversal',
      offenders: tx`
        select 'entry ' || e.id as subject,
          format('tells %s, the credit it reverses is of block %s, attempt %s', e.details, c.block_hash, c.attempt) as detail
        from credits.deposit_credit c
        join credits.deposit d on d.id = c.deposit_id
        join credits.ledger_entry e on e.id = c.reversal_entry_id
        where e.created_at < c.created_at
          or e.details <> jsonb_build_object('depositId', d.id, 'attempt', c.attempt, 'rail', d.rail, 'txHash', d.tx_hash,
            'blockHash', c.block_hash)`,
    },
    {
      // Only an operator's release makes another block's balance and price count.
      name: 'release-is-not-its-credit',
      offenders: tx`
        select 'credit ' || c.deposit_id || ' attempt ' || c.attempt as subject,
          case
            when r.deposit_id is null then format('quoted at block %s without a release, the entry says %s',
              c.quote->'asOfBlock'->>'number', coalesce(e.details->>'releasedAtBlock', 'none'))
            else format('released at block %s, but quoted at %s, and the entry says %s', r.at_block_number,
              c.quote->'asOfBlock'->>'number', coalesce(e.details->>'releasedAtBlock', 'none'))
          end as detail
        from credits.deposit_credit c
        join credits.ledger_entry e on e.id = c.entry_id
        left join credits.deposit_release r on r.deposit_id = c.deposit_id and r.attempt = c.attempt
        where (e.details->>'releasedAtBlock') is distinct from r.at_block_number::text
          or (r.deposit_id is not null and (c.quote->'asOfBlock'->>'number' = r.at_block_number::text
            and c.quote->'asOfBlock'->>'hash' = r.at_block_hash and r.created_at = c.created_at) is not true)`,
    },
    {
      name: 'reversal-is-not-its-entry',
      offenders: tx`
        select coalesce('credit ' || c.deposit_id || ' attempt ' || c.attempt, 'entry ' || e.id) as subject,
          case
            when c.reversal_entry_id is null then format('"%s" belongs to no recorded reversal', e.reference)
            when e.id is null then format('its reversal entry %s does not exist', c.reversal_entry_id)
            else format('%s micros by entry %s, but its reversal entry %s is "%s", %s micros, of entry %s',
              c.micros, c.entry_id, e.id, e.reference, e.micros, e.reverses_entry_id)
          end as detail
        from (select * from credits.deposit_credit where reversal_entry_id is not null) c
        full join (select * from credits.ledger_entry where kind = 'deposit_reversal') e
          on e.id = c.reversal_entry_id
        where (e.reference = 'deposit_reversal:' || c.deposit_id || ':' || c.attempt and e.micros = -c.micros
          and e.reverses_entry_id = c.entry_id) is not true`,
    },
  ]
}
