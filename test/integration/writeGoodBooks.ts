import type { Hash } from 'viem'
import type { Sql } from '../../billing/database/connect.ts'
import { creditDeposits } from '../../billing/deposits/creditDeposits.ts'
import type { OpenDeposit } from '../../billing/deposits/deposit.ts'
import { recordSeen } from '../../billing/deposits/recordSeen.ts'
import { reverseCredit } from '../../billing/deposits/reverseCredit.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import { type Quote, quote } from '../../billing/pricing/quote.ts'

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
    history: null,
  })
  if (outcome.kind !== 'quoted') throw new Error('the amount is too large for a test')
  return outcome.quote
}

const limits = {
  finalizedNumber: 0n,
  meter: {
    heartbeatIntervalMicros: 30_000_000n,
    heartbeatTimeoutMicros: 120_000_000n,
    graceMicros: 7_200_000_000n,
    gracePercent: 10,
    lowBalanceMinutes: 10,
  },
  axgtDailyCapMicros: null,
  axgtMaxDeviationPercent: null,
}

/** The nth deposit as the gate has it before its first credit, or before the credit after. */
export function openDeposit(n: number, attempt = 0): OpenDeposit {
  const id = idOf(n)
  return {
    ...{ id, chainId: 1, txHash: id.slice(2, 68) as Hash, rail: 'usdc:1', payer: PAYER },
    ...{ state: 'pending', reason: null, detail: null, amountBaseUnits: 1_000_000n, attempt, failures: 0 },
    ...{
      seenBaseUnits: null,
      seenUnder: null,
      blockNumber: 5n,
      blockHash: quoteOf(0n).asOfBlock.hash as Hash,
    },
  }
}

/** Credits a deposit of 1 USDC by the gate's own code. */
export async function creditDeposit(sql: Sql, n: number, attempt = 0): Promise<void> {
  const amountBaseUnits = 1_000_000n
  const quote = quoteOf(amountBaseUnits)
  const deposit = openDeposit(n, attempt)
  const { events } = await creditDeposits(
    sql,
    [{ kind: 'credit', deposit, amountBaseUnits, quote, blockTimestamp: EVENT_AT }],
    limits,
  )
  if (events.length !== 1) throw new Error(`deposit ${n} was not credited`)
}

async function record(sql: Sql, n: number, amountBaseUnits: bigint): Promise<void> {
  const { chainId, txHash, payer, blockNumber, blockHash } = openDeposit(n)
  const place = { chainId, txHash, payer, blockNumber, blockHash, blockTimestamp: EVENT_AT }
  await recordSeen(sql, [{ ...place, asset: 'usdc', amountBaseUnits }])
}

/** Deposits 1 to 3 credited, 2 reversed, one adjustment: entries 1, 2, 3 (deposits), 4 (reversal), 5 (adjustment). */
export async function writeGoodBooks(sql: Sql): Promise<void> {
  for (const n of [1, 2, 3]) {
    await record(sql, n, 1_000_000n)
    await creditDeposit(sql, n)
  }
  await reverseCredit(sql, openDeposit(2, 1), { movedTo: null, retryAt: null, now: EVENT_AT })
  await adjust(sql, { wallet: OTHER, micros: 7n, reason: 'test', idempotencyKey: 'k' })
  await record(sql, 4, 5n)
}
