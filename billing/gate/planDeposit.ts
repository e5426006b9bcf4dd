import type { Hash } from 'viem'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { PricingConfig } from '../config/config.ts'
import type { Decision, OpenDeposit } from '../deposits/deposit.ts'
import type { AcceptedPrice } from '../pricing/axgtUsd.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { quote } from '../pricing/quote.ts'
import type { GateRail } from './gateDeps.ts'

export interface PlanContext {
  /** undefined when the rail is not, or no longer, enabled. */
  rail: GateRail | undefined
  pricing: PricingConfig
  /** null where the chain has no AXGT. */
  axgtDecimals: number | null
  /** The last price accepted before the block whose price is used; null when there is no recent one. */
  lastAccepted: AcceptedPrice | null
  /** The first usable price after the deposit's block, if its own block has none. */
  laterPrice?: OracleReading
  /** An operator's order to use balances and prices of another block; `evidence` then contains those. */
  release?: { block: { number: bigint; hash: Hash }; acceptDeviation: boolean }
}

/** Decides one deposit from what the RPCs agree on about its block. Pure. */
export function planDeposit(
  deposit: OpenDeposit,
  evidence: Agreed<Evidence>,
  context: PlanContext,
): Decision {
  if (context.rail === undefined) return { kind: 'reject', deposit, reason: 'rail_disabled' }
  switch (evidence.kind) {
    case 'behind':
    case 'unavailable':
      return { kind: 'wait', deposit }
    case 'disagreement':
      return { kind: 'hold', deposit, reason: 'rpc_disagreement', detail: evidence.detail }
    case 'state_unavailable':
      return { kind: 'hold', deposit, reason: 'state_unavailable', detail: evidence.detail }
    case 'agreed':
      if (!evidence.value.canonical) return { kind: 'lost', deposit }
      return planProven(deposit, evidence.value, context.rail, context)
  }
}

function planProven(
  deposit: OpenDeposit,
  evidence: Extract<Evidence, { canonical: true }>,
  rail: GateRail,
  { pricing, axgtDecimals, lastAccepted, laterPrice, release }: PlanContext,
): Decision {
  const transaction = evidence.transactions.find(({ txHash }) => txHash === deposit.txHash)
  if (transaction === undefined) return { kind: 'wait', deposit }
  const paid = transaction.transfers.find(
    ({ asset, payer }) => asset === rail.config.asset && payer === deposit.payer,
  )
  if (!transaction.succeeded || paid === undefined) return { kind: 'void', deposit }
  const amountBaseUnits = arrivedAmount(paid.amountBaseUnits, rail, evidence)
  if (amountBaseUnits === null) {
    return {
      kind: 'hold',
      deposit,
      reason: 'amount_unclear',
      detail: 'the wallet gained less than the logs say',
    }
  }
  const balance = evidence.axgtBalances.find(({ holder }) => holder === deposit.payer)?.balance
  const axgt = balance === undefined || axgtDecimals === null ? null : { balance, decimals: axgtDecimals }
  if (rail.config.asset === 'eth' && axgtDecimals !== null && axgt === null) {
    // Never fall back to "no discount": without the payer's AXGT the tier is unknown.
    return { kind: 'hold', deposit, reason: 'state_unavailable', detail: "the payer's AXGT was not read" }
  }
  const block = release?.block ?? { number: deposit.blockNumber, hash: deposit.blockHash }
  const outcome = quote({
    pricing,
    rail: rail.config,
    decimals: rail.decimals,
    wallet: deposit.payer,
    amountBaseUnits,
    axgt,
    block,
    oracle: laterPrice ?? evidence.oracle,
    lastAccepted,
    acceptDeviation: release?.acceptDeviation ?? false,
  })
  if (outcome.kind === 'price_unavailable') {
    const { why: detail } = outcome
    return { kind: 'hold', deposit, reason: 'price_unavailable', detail, provenBaseUnits: amountBaseUnits }
  }
  if (outcome.kind === 'amount_too_large') {
    const detail = 'it is worth more than one credit may hold'
    return { kind: 'hold', deposit, reason: 'amount_too_large', detail, provenBaseUnits: amountBaseUnits }
  }
  // A reversed credit was large enough once, perhaps together with payments that are no longer held.
  const wasEnough = deposit.attempt > 0 && amountBaseUnits >= deposit.amountBaseUnits
  const isEnough = wasEnough || amountBaseUnits >= outcome.quote.minimumBaseUnits
  return {
    kind: isEnough && outcome.quote.creditMicros > 0n ? 'credit' : 'small',
    deposit,
    amountBaseUnits,
    quote: outcome.quote,
    blockTimestamp: new Date(Number(evidence.timestamp) * 1000),
  }
}

/**
 * The amount that really arrived. If the wallet gained less than the block's logs say, the shortfall is this payment's when
 * it is the only one of its token in the block; otherwise it cannot be attributed (null).
 */
function arrivedAmount(
  logged: bigint,
  rail: GateRail,
  evidence: Extract<Evidence, { canonical: true }>,
): bigint | null {
  const shortfall = evidence.shortfalls.find(({ asset }) => asset === rail.config.asset)
  if (shortfall === undefined) return logged
  const arrived = logged - shortfall.shortfallBaseUnits
  return shortfall.deposits === 1 && arrived > 0n ? arrived : null
}

/**
 * Decides whether payments of one payer on one rail, each below the minimum, reach it together: the minimum is that of the
 * newest payment. Either all are credited, each by its own quote, or none. Pure.
 */
export function planSmallPayments(small: Extract<Decision, { kind: 'small' }>[]): Decision[] {
  const newest = small.reduce<(typeof small)[number] | null>(
    (latest, decision) =>
      latest === null || decision.deposit.blockNumber > latest.deposit.blockNumber ? decision : latest,
    null,
  )
  if (newest === null) return []
  const sum = small.reduce((total, { amountBaseUnits }) => total + amountBaseUnits, 0n)
  if (sum < newest.quote.minimumBaseUnits) {
    return small.map(({ deposit }) => ({ kind: 'hold', deposit, reason: 'below_minimum', detail: null }))
  }
  return small.map((decision) =>
    decision.quote.creditMicros > 0n
      ? { ...decision, kind: 'credit' }
      : { kind: 'hold', deposit: decision.deposit, reason: 'below_minimum', detail: null },
  )
}
