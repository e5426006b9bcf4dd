import type { Hash } from 'viem'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Asset, PricingConfig } from '../config/config.ts'
import { type Decision, type OpenDeposit, recordedAmount } from '../deposits/deposit.ts'
import type { DepositReason } from '../deposits/schema.ts'
import type { AxgtHistory } from '../pricing/axgtHistory.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { quote } from '../pricing/quote.ts'
import type { ChainSetup, GateRail } from './gateDeps.ts'

export interface PlanContext {
  /** undefined when the rail is not, or no longer, enabled. */
  rail: GateRail | undefined
  /** Under what payments are judged now. */
  setup: ChainSetup
  pricing: PricingConfig
  /** null where the chain has no AXGT. */
  axgtDecimals: number | null
  /** What the AXGT price of the block used is compared with; null where the price is not at the TWAP. */
  history: AxgtHistory | null
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
  const { rail, setup } = context
  if (rail === undefined) {
    return { kind: 'hold', deposit, reason: 'rail_disabled', detail: `${deposit.rail} is not in RAILS` }
  }
  const change = setupChange(deposit, rail, setup)
  if (change !== null) return { kind: 'hold', deposit, reason: 'setup_changed', detail: change }
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
      return planProven(deposit, evidence.value, rail, context)
  }
}

function planProven(
  deposit: OpenDeposit,
  evidence: Extract<Evidence, { canonical: true }>,
  rail: GateRail,
  context: PlanContext,
): Decision {
  const { pricing, axgtDecimals, history, laterPrice, release } = context
  const payment = planPayment(deposit, evidence, rail, context)
  if (payment.kind !== 'paid') return payment
  const amountBaseUnits = arrivedAmount(payment.amountBaseUnits, rail.config.asset, evidence)
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
    history,
    deviation: release?.acceptDeviation ? 'accepted' : laterPrice ? 'near' : 'limited',
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
 * Why what was seen under other settings cannot be judged under these, in a sentence; null where nothing changed. Whether
 * traces are offered is for {@link planPayment}: what a transaction pays itself needs none.
 */
export function setupChange(
  { seenUnder }: OpenDeposit,
  rail: GateRail,
  { wallet }: ChainSetup,
): string | null {
  if (seenUnder === null) return null
  if (seenUnder.wallet !== wallet)
    return `it was paid to ${seenUnder.wallet}, and REVENUE_WALLET is ${wallet}`
  if (seenUnder.token === rail.config.token) return null
  return `it was paid in the token ${seenUnder.token ?? 'ETH'}, and the rail's is ${rail.config.token ?? 'ETH'}`
}

/** Looks after which a missing receipt is told to the operator: about a minute, with the pauses in between. */
const LOOKS_FOR_A_RECEIPT = 8

/**
 * Looks after which the RPCs are believed against what was seen, about a day of them saying the same: whoever saw more
 * (an indexer's RPC, once) must not keep the payer waiting for ever.
 */
const LOOKS_TO_OUTWEIGH_A_SIGHTING = 500

/**
 * The same where it was seen in another block only, or before what was seen was kept: about a minute. A transaction that a
 * reorg moved may pay less where it is now, and hardly ever does.
 */
const LOOKS_TO_OUTWEIGH_ANOTHER_BLOCK = 8

type Payment = { kind: 'paid'; amountBaseUnits: bigint } | Extract<Decision, { kind: 'hold' | 'wait' }>

/**
 * Whether the RPCs now show the payment that was seen, in the amount in which it was seen. Where they do not, one of the
 * two is wrong, and nobody can say for ever which: the deposit is held and looked at again.
 */
function planPayment(
  deposit: OpenDeposit,
  evidence: Extract<Evidence, { canonical: true }>,
  rail: GateRail,
  { setup, release }: PlanContext,
): Payment {
  const hold = (reason: DepositReason, detail: string) => ({ kind: 'hold' as const, deposit, reason, detail })
  const unread = evidence.unread.find(({ txHash }) => txHash === deposit.txHash)
  if (unread?.kind === 'disagreement') return hold('rpc_disagreement', unread.detail)
  if (unread?.kind === 'unavailable') return hold('evidence_unavailable', unread.detail)
  const transaction = evidence.transactions.find(({ txHash }) => txHash === deposit.txHash)
  if (transaction === undefined) {
    const isOld = deposit.reason === 'evidence_unavailable' || deposit.failures >= LOOKS_FOR_A_RECEIPT
    return isOld
      ? hold('evidence_unavailable', 'the RPCs do not show its receipt in this block')
      : { kind: 'wait', deposit }
  }
  const paid = transaction.transfers.find(
    ({ asset, payer }) => asset === rail.config.asset && payer === deposit.payer,
  )
  const way = rail.config.asset === 'eth' ? setup.ethDetection : 'logs'
  const seenBy = deposit.seenUnder?.by ?? way
  const isWeaker = way === 'transactions' && seenBy === 'traces'
  const { seenBaseUnits: seen, amountBaseUnits: recorded } = deposit
  const difference = paid === undefined ? null : differenceOf(recordedAmount(paid.amountBaseUnits), deposit)
  const isAsSeen = paid !== undefined && difference === null
  if (!transaction.succeeded) return hold('payment_not_seen', 'the RPCs say that its transaction failed')
  if (isWeaker && !isAsSeen) {
    // An operator who releases it vouches for what the trace showed.
    if (release !== undefined && seen !== null) return { kind: 'paid', amountBaseUnits: seen }
    return hold('setup_changed', 'a trace showed it, and the RPCs offer no traces now')
  }
  if (paid === undefined) {
    return hold(
      'payment_not_seen',
      'its block stands, and what the RPCs say of it does not contain the payment',
    )
  }
  // A trace that shows more than the transaction's own value is the better witness.
  const isStronger = way === 'traces' && seenBy === 'transactions'
  const detail = `${seen ?? recorded} base units were seen, and the RPCs now show ${paid.amountBaseUnits}`
  const looks = seen === null ? LOOKS_TO_OUTWEIGH_ANOTHER_BLOCK : LOOKS_TO_OUTWEIGH_A_SIGHTING
  const isOutweighed =
    deposit.reason === 'rpc_disagreement' && deposit.detail === detail && deposit.failures >= looks
  if (difference === null || isStronger || isOutweighed) {
    return { kind: 'paid', amountBaseUnits: paid.amountBaseUnits }
  }
  return { ...hold('rpc_disagreement', detail), differs: difference }
}

/** Whether less or more was paid than was seen. Where it was seen in another block only, less is to be doubted. */
function differenceOf(
  paid: bigint,
  { seenBaseUnits: seen, seenUnder, amountBaseUnits: recorded }: OpenDeposit,
): 'less' | 'more' | null {
  if (seen === null) return seenUnder !== null && paid < recorded ? 'less' : null
  if (paid === seen) return null
  return paid < seen ? 'less' : 'more'
}

/**
 * The amount that really arrived. If the wallet gained less than the block's logs say, the shortfall is this payment's when
 * it is the only one of its token in the block; otherwise it cannot be attributed (null). Pure.
 */
export function arrivedAmount(
  logged: bigint,
  asset: Asset,
  evidence: Extract<Evidence, { canonical: true }>,
): bigint | null {
  const shortfall = evidence.shortfalls.find((one) => one.asset === asset)
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
