import type { Transaction } from '../database/connect.ts'
import { type Quote, recomputeMicros } from '../pricing/quote.ts'
import { quoteFromJson } from '../pricing/quoteJson.ts'
import { isRateOf, recomputeRate } from '../pricing/recomputeRate.ts'
import { type Rule, streamDifferences, type VerificationStep } from './differences.ts'
import { findMissingGuards, type Guards } from './findMissingGuards.ts'

const guards: Guards[] = [
  {
    table: 'deposit_credit',
    triggers: [
      'deposit_credit_is_kept',
      'deposit_credit_is_not_truncated',
      'deposit_credit_changes_only_by_reversal',
    ],
    uniqueIndexes: [
      'deposit_credit_deposit_id_attempt_pk',
      'deposit_credit_entry_id_unique',
      'deposit_credit_reversal_entry_id_unique',
      'deposit_credit_stands_at_most_once',
    ],
  },
  {
    table: 'deposit',
    triggers: ['deposit_is_kept', 'deposit_is_not_truncated'],
    uniqueIndexes: ['deposit_pkey', 'deposit_key_is_unique'],
  },
  {
    table: 'deposit_release',
    triggers: ['deposit_release_is_append_only', 'deposit_release_is_not_truncated'],
    uniqueIndexes: ['deposit_release_deposit_id_attempt_pk'],
  },
  {
    table: 'price',
    triggers: ['price_is_append_only', 'price_is_not_truncated'],
    uniqueIndexes: ['price_is_noted_once_a_block'],
  },
]

/** Credits in memory at a time: each holds a quote. */
const BATCH = 500

/**
 * Proves the deposits against the ledger: every deposit entry and every reversal belongs to a recorded credit of the
 * same payer and micros, and the other way round; a deposit is `credited` exactly when one credit stands, by the same
 * micros; every credit's micros are recomputed from its stored quote; and the database's guards are in place. What the
 * ledger says of itself is proven by `verify`.
 *
 * Changes nothing and asks no chain. Hand in the `repeatable read` transaction of `verify`. Memory is bounded.
 */
export async function* verifyDeposits(tx: Transaction): AsyncGenerator<VerificationStep> {
  for (const difference of await findMissingGuards(tx, guards)) yield { kind: 'difference', difference }
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
      // Only an operator's word makes another block's balance and price count.
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
          or (r.deposit_id is not null and c.quote->'asOfBlock'->>'number' is distinct from r.at_block_number::text)`,
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

interface CreditRow {
  depositId: string
  attempt: number
  rail: string | null
  payer: string | null
  amountBaseUnits: string
  micros: bigint
  quote: unknown
}

async function* verifyQuotes(tx: Transaction): AsyncGenerator<VerificationStep> {
  let count = 0n
  const credits = tx<CreditRow[]>`
    select c.deposit_id as "depositId", c.attempt, d.rail, d.payer, c.amount_base_units as "amountBaseUnits",
      c.micros, c.quote
    from credits.deposit_credit c left join credits.deposit d on d.id = c.deposit_id`
  for await (const rows of credits.cursor(BATCH)) {
    for (const row of rows) {
      const detail = faultOfQuote(row)
      if (detail === null) continue
      const subject = `credit ${row.depositId} attempt ${row.attempt}`
      yield { kind: 'difference', difference: { rule: 'credit-is-not-its-quote', subject, detail } }
    }
    count += BigInt(rows.length)
    yield { kind: 'checked', what: 'quotes', count }
  }
  if (count === 0n) yield { kind: 'checked', what: 'quotes', count }
}

/** What is wrong with a credit's quote, as a sentence; null when it is what the credit was given by. */
function faultOfQuote(row: CreditRow): string | null {
  const parsed = quoteFromJson(row.quote)
  if (parsed.kind === 'malformed') return `the quote can not be read: ${parsed.problem}`
  const { quote } = parsed
  if (quote.rail !== row.rail) return `the quote is for ${quote.rail}, the deposit for ${row.rail}`
  if (quote.wallet !== row.payer) return `the quote is for ${quote.wallet}, the payer is ${row.payer}`
  if (quote.amountBaseUnits !== BigInt(row.amountBaseUnits)) {
    return `the quote is for ${quote.amountBaseUnits} base units, the credit for ${row.amountBaseUnits}`
  }
  if (quote.creditMicros !== row.micros) {
    return `the quote gives ${quote.creditMicros} micros, the credit ${row.micros}`
  }
  const micros = recomputeMicros(quote)
  if (micros !== row.micros) return `the quote's rate gives ${micros} micros, the credit ${row.micros}`
  return faultOfRate(quote)
}

/** Whether the rate of a market price follows from what feed and pool said. */
function faultOfRate(quote: Quote): string | null {
  try {
    const rate = recomputeRate(quote)
    if (rate === null || isRateOf(quote, rate)) return null
    return 'the rate of the quote does not follow from what feed and pool said'
  } catch (error) {
    return `the quote contradicts itself: ${error instanceof Error ? error.message : String(error)}`
  }
}
