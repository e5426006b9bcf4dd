import type { Evidence } from '../chain/proof/evidence.ts'
import { deepestBlock } from '../chain/readHead.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import { creditReleased } from '../deposits/creditDeposits.ts'
import type { OpenDeposit } from '../deposits/deposit.ts'
import type { DepositReason, DepositState } from '../deposits/schema.ts'
import { selectById } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import { planDeposit } from '../gate/planDeposit.ts'
import { readAxgtHistory } from '../prices/priceHistory.ts'
import { axgtLimitOf, sourceOf } from '../pricing/priceRail.ts'
import type { Quote } from '../pricing/quote.ts'

/** Reasons that the operator may overrule. Any other concerns the payment itself, not its value. */
const releasable: readonly (DepositReason | null)[] = [
  'state_unavailable',
  'price_unavailable',
  'daily_cap_reached',
  'setup_changed',
]

/**
 * Credits a held deposit on the operator's order as if it had been paid in another block: the payment is proven at its own
 * block as usual, but the payer's AXGT and the prices are those after `atBlock`. For deposits that can no longer be valued
 * at their own block. The quote names the block, and the name of who ordered the release is kept with the credit.
 *
 * At most once, like any credit. The daily cap on AXGT does not apply; the guards on prices do, except for the deviation if
 * `acceptDeviation` is set. If the state at the deposit's own block is gone, what a token delivered cannot be compared with
 * its log, and the log is believed: the operator's order covers that too.
 */
export async function releaseDeposit(deps: GateDeps, order: ReleaseOrder): Promise<ReleaseOutcome> {
  const deposit = await selectById(deps.sql, order.depositId)
  if (deposit === null) return { kind: 'not_found' }
  const { state, reason } = deposit
  if (state !== 'held' || !releasable.includes(reason)) return { kind: 'not_releasable', state, reason }
  const chain = deps.chains.get(deposit.chainId)
  if (chain === undefined) return unproven(`chain ${deposit.chainId} is not configured (RAILS)`)
  const reading = await chain.reader.readHead()
  if (reading.kind !== 'agreed') return unproven(reading.problem)
  const { head } = reading
  const deepest = deepestBlock(head, chain.confirmations)
  if (order.atBlock > deepest) return { kind: 'block_not_deep_enough', deepestBlock: deepest }

  const quoted = await quoteAt(deps, chain, deposit, order)
  if (quoted.kind !== 'quoted') return quoted
  const { credit } = quoted
  if (order.dryRun) return { kind: 'would_release', quote: credit.quote }
  const release = {
    reason: reason as DepositReason,
    detail: deposit.detail,
    atBlock: credit.quote.asOfBlock,
    deviationAccepted: order.acceptDeviation,
    releasedBy: order.releasedBy,
    note: order.note,
  }
  const event = await creditReleased(deps.sql, credit, {
    release,
    finalizedNumber: head.finalizedNumber,
    meter: deps.meterLimits,
    axgtMaxDeviationPercent: axgtLimitOf(deps.pricing),
  })
  if (event === null) {
    return unproven(
      'it is no longer held, the balance cannot hold it, or its price is too far from one just credited',
    )
  }
  deps.report(event)
  return { kind: 'released', quote: credit.quote, attempt: event.attempt }
}

type Credit = Extract<ReturnType<typeof planDeposit>, { kind: 'credit' }>

/** Proves the payment at its own block and prices it at the other one. */
async function quoteAt(
  deps: GateDeps,
  chain: GateChain,
  deposit: OpenDeposit,
  { atBlock, acceptDeviation }: ReleaseOrder,
): Promise<{ kind: 'quoted'; credit: Credit } | Extract<ReleaseOutcome, { kind: 'unproven' | 'unpriced' }>> {
  const under = underOwnSetup(deps, chain, deposit)
  const proof = await prove(chain, deposit, under)
  if (proof.kind !== 'agreed') return unproven(whyNot(proof))
  if (!proof.value.canonical) return unproven('its block is no longer canonical')
  const hash = await chain.reader.readCanonicalHash(atBlock)
  if (hash.kind !== 'agreed') return unproven(`block ${atBlock} cannot be read: ${whyNot(hash)}`)
  const [balances, oracle] = await Promise.all([
    chain.reader.readAxgtBalances([deposit.payer], atBlock),
    chain.reader.readOracle(atBlock),
  ])
  for (const read of [balances, oracle]) {
    if (read !== null && read.kind !== 'agreed') return unproven(`at block ${atBlock}: ${whyNot(read)}`)
  }
  // Balances are read by block number: they belong to this block only if it still stands afterwards.
  const after = await chain.reader.readCanonicalHash(atBlock)
  const isSameBlock = after.kind === 'agreed' && after.value === hash.value
  const isPriceOfIt = oracle?.kind !== 'agreed' || oracle.value.block.hash === hash.value
  if (!isSameBlock || !isPriceOfIt) return unproven(`block ${atBlock} was replaced meanwhile`)
  const balance = balances?.kind === 'agreed' ? balances.value[0] : undefined
  const market = oracle?.kind === 'agreed' ? oracle.value : null
  const evidence: Agreed<Evidence> = {
    kind: 'agreed',
    value: {
      ...proof.value,
      axgtBalances: balance === undefined ? [] : [{ holder: deposit.payer, balance }],
      oracle: market,
    },
  }
  const rail = deps.rails.get(deposit.rail)
  const isCompared =
    rail !== undefined && market !== null && sourceOf(deps.pricing, rail.config.asset) === 'twap'
  const decision = planDeposit(deposit, evidence, {
    rail: under.rail,
    setup: under.setup,
    pricing: deps.pricing,
    axgtDecimals: deps.axgtDecimals.get(chain.chainId) ?? null,
    history: isCompared ? await readAxgtHistory(deps.sql, deposit.rail, market.block) : null,
    release: { block: { number: atBlock, hash: hash.value }, acceptDeviation },
  })
  switch (decision.kind) {
    case 'credit':
      return { kind: 'quoted', credit: decision }
    case 'small':
      return { kind: 'unpriced', detail: minimumOf(decision.quote) }
    case 'hold':
      return { kind: 'unpriced', detail: decision.detail ?? decision.reason }
    case 'lost':
      return unproven('its block does not hold this payment')
    case 'wait':
      return unproven('the RPCs do not have all of its block')
  }
}

/**
 * What the deposit was seen under, which is what the operator vouches for: the wallet or token may be another by now. A rail
 * that is off stays off.
 */
function underOwnSetup(deps: GateDeps, chain: GateChain, { rail: name, seenUnder }: OpenDeposit) {
  const rail = deps.rails.get(name)
  if (rail === undefined || seenUnder === null) return { rail, setup: chain.setup }
  const { wallet, token } = seenUnder
  return { rail: { ...rail, config: { ...rail.config, token } }, setup: { ...chain.setup, wallet } }
}

/** With the state of its own block where it is still available, else without. */
async function prove(
  chain: GateChain,
  { blockNumber, blockHash, txHash, rail: name }: OpenDeposit,
  { rail, setup }: ReturnType<typeof underOwnSetup>,
) {
  const token = rail?.config.token ?? null
  const tokens = new Map(token === null || rail === undefined ? [] : [[token, rail.config.asset]])
  const request = {
    block: { number: blockNumber, hash: blockHash },
    transactions: [{ txHash, ether: name.startsWith('eth:') }],
    under: { wallet: setup.wallet, tokens },
  }
  const whole = await chain.reader.readEvidence({ ...request, state: true })
  if (whole.kind !== 'state_unavailable') return whole
  return chain.reader.readEvidence({ ...request, state: false })
}

function minimumOf({ amountBaseUnits, minimumBaseUnits }: Quote): string {
  return `it is below the minimum at that block: ${amountBaseUnits} of ${minimumBaseUnits} base units`
}

function whyNot(read: Agreed<unknown>): string {
  if (read.kind === 'behind') return 'the RPCs do not have all of it'
  return 'detail' in read ? read.detail : read.kind
}

function unproven(detail: string): Extract<ReleaseOutcome, { kind: 'unproven' }> {
  return { kind: 'unproven', detail }
}

/** The operator's order to credit a held deposit as if it had been paid in another block. */
export interface ReleaseOrder {
  depositId: string
  /** The payer's AXGT and the prices are read after this block. */
  atBlock: bigint
  /** The operator's name, for the record. */
  releasedBy: string
  /** The reason, for the record. */
  note: string | null
  /** Credits at a price that is farther from the slower TWAP than `AXGT_MAX_DEVIATION_PERCENT`. */
  acceptDeviation: boolean
  /** Only computes what it would be credited as. */
  dryRun: boolean
}

/** The result of an order. */
export type ReleaseOutcome =
  | { kind: 'released'; quote: Quote; attempt: number }
  /** With `dryRun`: what would be credited. */
  | { kind: 'would_release'; quote: Quote }
  | { kind: 'not_found' }
  /** Only a held deposit can be released, and only if its value is in question, not the payment itself. */
  | { kind: 'not_releasable'; state: DepositState; reason: DepositReason | null }
  /** The block does not exist yet, or is less deep than a deposit must be. */
  | { kind: 'block_not_deep_enough'; deepestBlock: bigint }
  /** The payment could not be proven, or the state at that block could not be read. */
  | { kind: 'unproven'; detail: string }
  /** That block has no usable price either, or the payment is worth too little or too much there. */
  | { kind: 'unpriced'; detail: string }
