import { deepestBlock, type Head } from '../chain/readHead.ts'
import { holdDeposits, postponeDeposits } from '../deposits/changeDeposits.ts'
import { creditDeposits } from '../deposits/creditDeposits.ts'
import { type Decision, groupBy, type OpenDeposit } from '../deposits/deposit.ts'
import { selectSmall } from '../deposits/selectDeposits.ts'
import { axgtLimitOf } from '../pricing/priceRail.ts'
import { resolveLost } from './followLost.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { planSmallPayments } from './planDeposit.ts'
import { type ProofOptions, proveDeposits } from './proveDeposits.ts'

/** A payer's earlier small payments that are joined with a new one; the newest are taken first. */
const MAX_SMALL_PAYMENTS_JOINED = 500

/**
 * Decides deposits that are deep enough and carries the decisions out: credit, hold, follow to another block, or wait. The
 * gate calls this for all that are due, a submission for its own transaction. Returns how many were credited.
 */
export async function settleDeposits(
  deps: GateDeps,
  chain: GateChain,
  head: Head,
  deposits: OpenDeposit[],
  options: ProofOptions = {},
): Promise<number> {
  const deepest = deepestBlock(head, chain.confirmations)
  const proven = await proveDeposits(deps, chain, deposits, deepest, options)
  const decisions = await joinSmallPayments(deps, chain, deepest, proven)
  const { events, tooLarge, overCap, tooFar } = await creditDeposits(
    deps.sql,
    decisions.filter((decision) => decision.kind === 'credit'),
    {
      finalizedNumber: head.finalizedNumber,
      meter: deps.meterLimits,
      axgtDailyCapMicros: deps.pricing.axgt.dailyCapMicros,
      axgtMaxDeviationPercent: axgtLimitOf(deps.pricing),
    },
  )
  for (const event of events) deps.report(event)
  await applyOthers(deps, chain, [
    ...decisions,
    ...tooLarge.map(({ deposit }) => ({
      kind: 'hold' as const,
      deposit,
      reason: 'amount_too_large' as const,
      detail: 'the balance cannot hold it',
    })),
    ...overCap.map(({ deposit }) => ({
      kind: 'hold' as const,
      deposit,
      reason: 'daily_cap_reached' as const,
      detail: 'with it, more than AXGT_DAILY_CAP_MINUTES would be credited through AXGT today (UTC)',
    })),
    ...tooFar.map(({ deposit }) => ({
      kind: 'hold' as const,
      deposit,
      reason: 'price_unavailable' as const,
      detail: 'the AXGT price is too far from one that was credited within a day of it',
    })),
  ])
  return events.length
}

async function applyOthers(deps: GateDeps, chain: GateChain, decisions: Decision[]): Promise<void> {
  const { sql, report } = deps
  const now = deps.clock()
  const holds = decisions.filter((decision) => decision.kind === 'hold')
  const events = await holdDeposits(sql, holds, now)
  noteUnseen(deps, chain, holds)
  await postponeDeposits(
    sql,
    decisions.filter((decision) => decision.kind === 'wait').map(({ deposit }) => deposit),
    now,
  )
  for (const event of events) report(event)
  await resolveLost(
    deps,
    chain,
    decisions.filter((decision) => decision.kind === 'lost').map(({ deposit }) => deposit),
  )
}

/** Bounds memory where no job looks at them, as in a process that only answers requests. */
const MAX_BLOCKS_TO_SIGHT_AGAIN = 100

function noteUnseen(
  deps: GateDeps,
  { chainId }: GateChain,
  holds: Extract<Decision, { kind: 'hold' }>[],
): void {
  const blocks = deps.sightAgain.get(chainId) ?? new Set()
  deps.sightAgain.set(chainId, blocks)
  for (const { deposit, differs } of holds) {
    if (differs === 'more' && blocks.size < MAX_BLOCKS_TO_SIGHT_AGAIN) blocks.add(deposit.blockNumber)
  }
}

/**
 * Small payments may reach the minimum together with the payer's earlier ones. Those are proven again too, but only when
 * the recorded amounts could suffice: otherwise each tiny payment would cost a proof of all earlier ones.
 */
async function joinSmallPayments(
  deps: GateDeps,
  chain: GateChain,
  deepest: bigint,
  decisions: Decision[],
): Promise<Decision[]> {
  const small = decisions.filter((decision) => decision.kind === 'small')
  if (small.length === 0) return decisions
  const joined: Decision[] = decisions.filter((decision) => decision.kind !== 'small')
  for (const group of groupBy(small, ({ deposit }) => `${deposit.rail} ${deposit.payer}`).values()) {
    const [first] = group
    if (first === undefined) continue
    const { payer, rail } = first.deposit
    const except = group.map(({ deposit }) => deposit.id)
    const earlier = (
      await selectSmall(deps.sql, { payer, rail, except, limit: MAX_SMALL_PAYMENTS_JOINED })
    ).filter(({ blockNumber }) => blockNumber <= deepest)
    const recorded = [...group, ...earlier].reduce((sum, { amountBaseUnits }) => sum + amountBaseUnits, 0n)
    const lowestMinimum = group.reduce(
      (lowest, { quote }) => (quote.minimumBaseUnits < lowest ? quote.minimumBaseUnits : lowest),
      first.quote.minimumBaseUnits,
    )
    const others = recorded >= lowestMinimum ? await proveDeposits(deps, chain, earlier, deepest) : []
    const planned = planSmallPayments([...group, ...others.filter((decision) => decision.kind === 'small')])
    // While one that would complete the sum cannot be looked at, the others wait for it seconds, and not for the next day.
    const isIncomplete = others.some(({ kind }) => kind === 'wait' || kind === 'lost')
    joined.push(
      ...planned.map((decision) =>
        isIncomplete && decision.kind === 'hold'
          ? { kind: 'wait' as const, deposit: decision.deposit }
          : decision,
      ),
      ...others.filter((decision) => decision.kind !== 'small'),
    )
  }
  return joined
}
