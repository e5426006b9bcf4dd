import type { Sql, Transaction } from '../../billing/database/connect.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import { postEntries } from '../../billing/ledger/post.ts'
import { type Quote, quote } from '../../billing/pricing/quote.ts'
import { quoteToJson } from '../../billing/pricing/quoteJson.ts'

export const PAYER = `0x${'a'.repeat(40)}` as const
export const OTHER = `0x${'b'.repeat(40)}` as const
export const EVENT_AT = new Date('2026-01-01T00:00:00Z')
const one = { numerator: 1n, denominator: 1n }

/** The id of the nth deposit. */
export const idOf = (n: number) => `1-0x${n.toString(16).padStart(64, '0')}-usdc-${PAYER}`

/** What a USDC amount is worth at the default price. */
export function quoteOf(amountBaseUnits: bigint): Quote {
  const outcome = quote({
    pricing: {
      usdPerHour: one,
      ethUsdMaxAgeSeconds: 7_200,
      eth: { mode: 'fixed', minutesPerEth: one, minimumEth: one },
      usdc: { minimumUsdc: one },
      axgt: { mode: 'fixed', minutesPer100: one, minimumAxgt: one, bonusPercent: one, dailyCapMicros: null },
      tiers: [{ minimumAxgt: 0n, discountPercent: { numerator: 0n, denominator: 1n } }],
    },
    rail: { rail: 'usdc:1', asset: 'usdc', chainId: 1, token: OTHER },
    decimals: 6,
    wallet: PAYER,
    amountBaseUnits,
    axgt: null,
    block: { number: 5n, hash: `0x${'5'.repeat(64)}` },
    oracle: null,
    lastAccepted: null,
  })
  if (outcome.kind !== 'quoted') throw new Error('the amount is too large for a test')
  return outcome.quote
}

/** A deposit of 1 USDC and its first credit, as the gate writes them. */
async function creditDeposit(tx: Transaction, n: number): Promise<void> {
  const id = idOf(n)
  const given = quoteOf(1_000_000n)
  const micros = given.creditMicros
  await tx`
    insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number, block_hash,
      block_timestamp, attempt, credit_micros, credited_at)
    values (${id}, 1, ${id.slice(2, 68)}, 'usdc:1', ${PAYER}, 'credited', 1000000, 5, ${given.asOfBlock.hash},
      ${EVENT_AT}, 1, ${micros}, now())`
  const [entry] = await postEntries(tx, [
    { account: PAYER, kind: 'deposit', micros, reference: `deposit:${id}:1`, eventAt: EVENT_AT },
  ])
  await tx`
    insert into credits.deposit_credit (deposit_id, attempt, entry_id, amount_base_units, micros, quote, block_number,
      block_hash)
    values (${id}, 1, ${entry?.id ?? 0n}, 1000000, ${micros}, ${tx.json(quoteToJson(given))}, 5, ${given.asOfBlock.hash})`
}

async function reverseDeposit(tx: Transaction, n: number): Promise<void> {
  const id = idOf(n)
  const [credit] = await tx<{ entryId: bigint; micros: bigint }[]>`
    select entry_id as "entryId", micros from credits.deposit_credit where deposit_id = ${id} and attempt = 1`
  if (credit === undefined) throw new Error(`deposit ${n} has no credit`)
  const [entry] = await postEntries(tx, [
    {
      account: PAYER,
      kind: 'deposit_reversal',
      micros: -credit.micros,
      reference: `deposit_reversal:${id}:1`,
      reversesEntryId: credit.entryId,
      eventAt: EVENT_AT,
    },
  ])
  await tx`update credits.deposit_credit set reversal_entry_id = ${entry?.id ?? 0n} where deposit_id = ${id}`
  await tx`update credits.deposit set state = 'reversed', credit_micros = null where id = ${id}`
}

/** Deposits 1 to 3 credited, 2 reversed, one adjustment: entries 1, 2, 3 (deposits), 4 (reversal), 5 (adjustment). */
export async function writeGoodBooks(sql: Sql): Promise<void> {
  for (const n of [1, 2, 3]) await sql.begin((tx) => creditDeposit(tx, n))
  await sql.begin((tx) => reverseDeposit(tx, 2))
  await adjust(sql, { wallet: OTHER, micros: 7n, reason: 'test', idempotencyKey: 'k' })
  await sql`
    insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number, block_hash,
      block_timestamp)
    values (${idOf(4)}, 1, ${idOf(4).slice(2, 68)}, 'usdc:1', ${PAYER}, 'pending', 5, 6, '0x06', ${EVENT_AT})`
}
