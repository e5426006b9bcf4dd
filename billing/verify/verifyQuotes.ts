import { parseDecimal } from '../config/shapes/numbers.ts'
import type { Transaction } from '../database/connect.ts'
import { compare, fractionOf } from '../pricing/fraction.ts'
import { factorOf, type Quote, rateOf, recomputeMicros } from '../pricing/quote.ts'
import { quoteFromJson } from '../pricing/quoteJson.ts'
import { isRateOf, recomputeRate } from '../pricing/recomputeRate.ts'
import type { VerificationStep } from './differences.ts'

/** Credits held in memory at a time, each with its quote. */
const CREDITS_PER_FETCH = 500

/** A stored credit, with what the rest of the database says of its price. */
export interface CreditRow {
  depositId: string
  attempt: number
  rail: string | null
  payer: string | null
  amountBaseUnits: string
  micros: bigint
  quote: unknown
  isReleased: boolean
  /** What the payer's credits of the same rail and transaction come to, and the minimum at the newest of them. */
  togetherBaseUnits: string
  minimumTogether: string | null
  /** The price of the history that the quote rests on; null where there is none, or the rate is fixed. */
  noted: NotedRow | null
  /** Decimals of the tokens that the gate knows on the chain. */
  decimals: number[] | null
}

interface NotedRow {
  usdPerUnit: string
  blockNumber: string
  blockSeconds: string
  roundId: string | null
  feedSeconds: string | null
}

/**
 * Proves every credit from its quote: the micros follow from amount and rate, the rate from the price, the hour's price,
 * discount and bonus, a market price from what feed and pool said and from the price history, and a fixed one from a rate
 * that was in force once. Asks no chain. Memory is bounded.
 */
export async function* verifyQuotes(tx: Transaction): AsyncGenerator<VerificationStep> {
  let count = 0n
  const fixedPrices = await readFixedPrices(tx)
  const credits = tx<CreditRow[]>`
    select c.deposit_id as "depositId", c.attempt, d.rail, d.payer, c.amount_base_units as "amountBaseUnits",
      c.micros, c.quote,
      exists (select from credits.deposit_release r where r.deposit_id = c.deposit_id and r.attempt = c.attempt) as "isReleased",
      sum(c.amount_base_units) over payment as "togetherBaseUnits",
      first_value(c.quote->>'minimumBaseUnits') over (payment order by c.block_number desc, c.deposit_id
        rows between unbounded preceding and unbounded following) as "minimumTogether",
      case when p.id is not null then json_build_object('usdPerUnit', trim_scale(p.usd_per_unit)::text,
        'blockNumber', p.block_number::text, 'blockSeconds', extract(epoch from p.block_timestamp)::bigint::text,
        'roundId', p.round_id::text, 'feedSeconds', extract(epoch from p.feed_updated_at)::bigint::text) end as noted,
      (select array_agg(distinct t.decimals) from credits.token t where t.chain_id = d.chain_id) as decimals
    from credits.deposit_credit c
    left join credits.deposit d on d.id = c.deposit_id
    left join credits.price p on p.rail = d.rail and p.source = c.quote->'price'->>'mode'
      and p.chain_id = d.chain_id and p.block_hash = c.quote->'price'->'reading'->'block'->>'hash'
    window payment as (partition by d.payer, d.rail, c.created_at)`
  for await (const rows of credits.cursor(CREDITS_PER_FETCH)) {
    for (const row of rows) {
      const detail = faultOfQuote(row, fixedPrices)
      if (detail === null) continue
      const subject = `credit ${row.depositId} attempt ${row.attempt}`
      yield { kind: 'difference', difference: { rule: 'credit-is-not-its-quote', subject, detail } }
    }
    count += BigInt(rows.length)
    yield { kind: 'checked', what: 'quotes', count }
  }
  if (count === 0n) yield { kind: 'checked', what: 'quotes', count }
}

/** Every fixed price that each rail ever had: one for each time that the settings were changed. */
async function readFixedPrices(tx: Transaction): Promise<Map<string, Set<string>>> {
  const rows = await tx<{ rail: string; usdPerUnit: string }[]>`
    select distinct rail, trim_scale(usd_per_unit)::text as "usdPerUnit" from credits.price where source = 'fixed'`
  const prices = new Map<string, Set<string>>()
  for (const { rail, usdPerUnit } of rows) {
    prices.set(rail, (prices.get(rail) ?? new Set()).add(usdPerUnit))
  }
  return prices
}

/**
 * What is wrong with a credit's quote, as a sentence; null when the credit follows from it and from the price history.
 * `fixedPrices` are those on record, by rail. Pure.
 */
export function faultOfQuote(
  row: CreditRow,
  fixedPrices: ReadonlyMap<string, ReadonlySet<string>>,
): string | null {
  const parsed = quoteFromJson(row.quote)
  if (parsed.kind === 'malformed') return `the quote cannot be read: ${parsed.problem}`
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
  return (
    faultOfTerms(quote) ??
    faultOfMinimum(quote, row) ??
    faultOfRate(quote, row) ??
    faultOfPrice(quote, row, fixedPrices)
  )
}

/** Tiers are for ETH alone, a bonus for AXGT alone; and a tier has one name. */
function faultOfTerms({ rail, tier, bonusPercent }: Quote): string | null {
  if (tier.label !== `Tier ${tier.index}`) return `the tier ${tier.index} is called "${tier.label}"`
  if (tier.index === 0 && tier.discountPercent !== '0') return `tier 0 gives ${tier.discountPercent} %`
  if (!rail.startsWith('eth:')) {
    if (tier.index !== 0) return `a discount of tier ${tier.index} on ${rail}`
  }
  if (!rail.startsWith('axgt:') && bonusPercent !== '0') return `a bonus of ${bonusPercent} % on ${rail}`
  return null
}

/** Less than the minimum is credited only together with others, again after a reversal. */
function faultOfMinimum(quote: Quote, row: CreditRow): string | null {
  if (quote.amountBaseUnits >= quote.minimumBaseUnits || row.attempt > 1) return null
  if (
    /^\d{1,78}$/.test(row.minimumTogether ?? '') &&
    BigInt(row.togetherBaseUnits) >= BigInt(row.minimumTogether ?? 0)
  ) {
    return null
  }
  return `${quote.amountBaseUnits} base units are less than the minimum of the quote, ${quote.minimumBaseUnits}`
}

/** Whether the rate follows from the price, exactly; a price that is only kept to 18 decimals leaves that much room. */
function faultOfRate(quote: Quote, { decimals }: CreditRow): string | null {
  try {
    const rate = recomputeRate(quote)
    if (rate !== null) {
      return isRateOf(quote, rate)
        ? null
        : 'the rate of the quote does not follow from what feed and pool said'
    }
    const { usdPerUnit, usdPerHour } = quote.price
    // What 0.1 stored does not say.
    if (usdPerUnit === null || usdPerHour === null) return null
    const terms = {
      usdPerHour: exact(usdPerHour),
      factor: factorOf({ discount: exact(quote.tier.discountPercent), bonus: exact(quote.bonusPercent) }),
    }
    const lowest = exact(usdPerUnit)
    const highest = {
      numerator: lowest.numerator * 10n ** 18n + lowest.denominator,
      denominator: lowest.denominator * 10n ** 18n,
    }
    const follows = (quote.rail.startsWith('eth:') ? [18] : (decimals ?? ANY_DECIMALS)).some((places) => {
      const baseUnitsPerUnit = fractionOf(10n ** BigInt(places))
      const rateAt = (usd: typeof lowest) => rateOf({ ...terms, usdPerUnit: usd, baseUnitsPerUnit })
      const actual = quote.price.microsPerBaseUnit
      return compare(actual, rateAt(lowest)) >= 0 && compare(actual, rateAt(highest)) < 0
    })
    return follows ? null : 'the rate of the quote does not follow from its price, discount and bonus'
  } catch (error) {
    return `the quote contradicts itself: ${error instanceof Error ? error.message : String(error)}`
  }
}

const ANY_DECIMALS = Array.from({ length: 78 }, (_, places) => places)

/** Whether the price is the one of the history. */
function faultOfPrice(
  { rail, price: { mode, usdPerUnit, reading } }: Quote,
  { noted, isReleased }: CreditRow,
  fixedPrices: ReadonlyMap<string, ReadonlySet<string>>,
): string | null {
  if (mode === 'fixed') {
    const known = fixedPrices.get(rail)
    // A release is priced by the settings of whoever orders it, on whatever machine.
    if (usdPerUnit === null || known === undefined || isReleased || known.has(usdPerUnit)) return null
    return `the price history knows no fixed price of ${usdPerUnit} USD for ${rail}`
  }
  if (reading === null || usdPerUnit === null) return 'a market price without the reading it rests on'
  if (noted === null) return `the price history does not have the price of block ${reading.block.number}`
  const feed = reading.ethUsd.kind === 'answered' ? reading.ethUsd : null
  const said: NotedRow = {
    usdPerUnit,
    blockNumber: reading.block.number.toString(),
    blockSeconds: reading.block.timestamp.toString(),
    roundId: feed?.roundId.toString() ?? null,
    feedSeconds: feed?.updatedAt.toString() ?? null,
  }
  const differs = (Object.keys(said) as (keyof NotedRow)[]).find((field) => said[field] !== noted[field])
  if (differs === undefined) return null
  return `the price history has ${noted[differs]} as ${differs} of block ${reading.block.number}, the quote ${said[differs]}`
}

function exact(decimal: string) {
  const value = parseDecimal(decimal)
  if (value === null) throw new Error(`${decimal} is no plain decimal`)
  return value
}
