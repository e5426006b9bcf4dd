import { type Address, keccak256, toHex } from 'viem'
import type { Sql } from '../../billing/database/connect.ts'
import { creditDeposits } from '../../billing/deposits/creditDeposits.ts'
import { recordSeen } from '../../billing/deposits/recordSeen.ts'
import { reverseCredit } from '../../billing/deposits/reverseCredit.ts'
import type { MeterLimits } from '../../billing/metering/meterSessions.ts'
import { type Quote, quote } from '../../billing/pricing/quote.ts'

const BLOCK = { number: 5n, hash: `0x${'5'.repeat(64)}` } as const
const EVENT_AT = new Date('2026-01-01T00:00:00Z')
const MINUTES_PER_ETH = 120_000n
const MICROS_PER_ETH = MINUTES_PER_ETH * 60_000_000n
const WEI = 10n ** 18n
const whole = (numerator: bigint) => ({ numerator, denominator: 1n })

/** The fewest wei that buy so many micros: a micro is some hundred thousand of them, so every number can be bought. */
const weiFor = (micros: bigint) => (micros * WEI + MICROS_PER_ETH - 1n) / MICROS_PER_ETH

function quoteEther(wallet: Address, amountBaseUnits: bigint): Quote {
  const outcome = quote({
    pricing: {
      usdPerHour: whole(1n),
      ethUsdMaxAgeSeconds: 7_200,
      eth: {
        mode: 'fixed',
        minutesPerEth: whole(MINUTES_PER_ETH),
        minimumEth: { numerator: 1n, denominator: WEI },
      },
      usdc: { minimumUsdc: whole(1n) },
      axgt: {
        mode: 'fixed',
        minutesPer100: whole(60n),
        minimumAxgt: whole(1n),
        bonusPercent: whole(0n),
        dailyCapMicros: null,
      },
      tiers: [{ minimumAxgt: 0n, discountPercent: whole(0n) }],
    },
    rail: { rail: 'eth:1', asset: 'eth', chainId: 1, token: null },
    decimals: 18,
    wallet,
    amountBaseUnits,
    axgt: null,
    block: BLOCK,
    oracle: null,
    history: null,
  })
  if (outcome.kind !== 'quoted') throw new Error('the amount is too large for a test')
  return outcome.quote
}

/** Names a deposit by any word: the same word is the same deposit. */
function openDeposit(payer: Address, word: string, amountBaseUnits: bigint, attempt: number) {
  const txHash = keccak256(toHex(word))
  return {
    id: `1-${txHash}-eth-${payer}`,
    chainId: 1,
    txHash,
    rail: 'eth:1' as const,
    payer,
    state: 'pending' as const,
    reason: null,
    detail: null,
    amountBaseUnits,
    seenBaseUnits: amountBaseUnits,
    seenUnder: null,
    blockNumber: BLOCK.number,
    blockHash: BLOCK.hash,
    attempt,
    failures: 0,
  }
}

/**
 * Credits a deposit of ETH worth exactly `micros` by the production code, as the gate does once everything is proven: no
 * chain is asked. A deposit that was reversed is credited again.
 */
export async function creditTestDeposit(
  sql: Sql,
  meter: MeterLimits,
  { payer, micros, word }: { payer: Address; micros: bigint; word: string },
): Promise<void> {
  const amount = weiFor(micros)
  const deposit = openDeposit(payer, word, amount, 0)
  const { chainId, txHash, blockNumber, blockHash } = deposit
  await recordSeen(sql, [
    {
      ...{ chainId, txHash, payer, blockNumber, blockHash },
      asset: 'eth',
      amountBaseUnits: amount,
      blockTimestamp: EVENT_AT,
    },
  ])
  await sql`
    update credits.deposit set state = 'pending', retry_at = null where id = ${deposit.id} and state = 'reversed'`
  const { events } = await creditDeposits(
    sql,
    [
      {
        kind: 'credit',
        deposit,
        amountBaseUnits: amount,
        quote: quoteEther(payer, amount),
        blockTimestamp: EVENT_AT,
      },
    ],
    { finalizedNumber: 0n, meter, axgtDailyCapMicros: null, axgtMaxDeviationPercent: null },
  )
  if (events.length !== 1) throw new Error(`the deposit "${word}" was not credited`)
}

/** Takes the credit of such a deposit back, as the gate does after a reorg. False when there is none. */
export async function reverseTestDeposit(
  sql: Sql,
  { payer, micros, word }: { payer: Address; micros: bigint; word: string },
): Promise<boolean> {
  const deposit = openDeposit(payer, word, weiFor(micros), 1)
  const options = { movedTo: null, retryAt: null, now: EVENT_AT }
  return (await reverseCredit(sql, deposit, options)) !== null
}
