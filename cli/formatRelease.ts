import { formatMinutes } from '../billing/api/json/amounts.ts'
import type { DepositReason, DepositState } from '../billing/deposits/schema.ts'
import type { ReleaseOrder, ReleaseOutcome } from '../billing/desk/releaseDeposit.ts'
import type { Quote } from '../billing/pricing/quote.ts'

/**
 * The outcome of an order to release a deposit, as lines for the terminal: what was or would be credited and at which
 * price, or why nothing was and what to do about it. `ownBlock` is the deposit's block; null if unknown.
 */
export function formatRelease(
  order: ReleaseOrder,
  outcome: ReleaseOutcome,
  ownBlock: bigint | null,
): string[] {
  const { depositId: id, atBlock } = order
  switch (outcome.kind) {
    case 'released': {
      const minutes = formatMinutes(outcome.quote.creditMicros)
      return [
        `Released: ${minutes} minutes are credited for ${id} (credit ${outcome.attempt}).`,
        ...formatTerms(outcome.quote, ownBlock),
      ]
    }
    case 'would_release': {
      const minutes = formatMinutes(outcome.quote.creditMicros)
      return [
        `${minutes} minutes would be credited for ${id}. Nothing was changed; leave out --dry-run to credit them.`,
        ...formatTerms(outcome.quote, ownBlock),
      ]
    }
    case 'not_found':
      return [
        `No deposit ${id} is recorded. "deposit submit" with its transaction hash asks the chains for it; "deposit show" lists the ids of a transaction.`,
      ]
    case 'not_releasable':
      return [`Nothing was credited for ${id}. ${whyNotReleasable(outcome.state, outcome.reason)}`]
    case 'block_not_deep_enough':
      return [
        `Nothing was credited: block ${atBlock} is not there yet, or has fewer confirmations than a deposit needs. Give a block up to ${outcome.deepestBlock}, or wait.`,
      ]
    case 'unproven':
      return [
        `Nothing was credited: the payment could not be proven, or block ${atBlock} could not be read.`,
        `  why  ${outcome.detail}`,
        'Check the RPCs of the chain (state at a past block needs an archive node) and try again.',
      ]
    case 'unpriced':
      return [
        `Nothing was credited: the payment cannot be credited at the price of block ${atBlock}.`,
        `  why  ${outcome.detail}`,
        order.acceptDeviation
          ? 'Give another block with --at-block, or credit it by "adjust".'
          : 'Give another block with --at-block. If the price only moved too far, and rightly so, --accept-deviation accepts it.',
      ]
  }
}

function formatTerms({ price, tier, asOfBlock, amountBaseUnits }: Quote, ownBlock: bigint | null): string[] {
  const { number, hash } = price.reading?.block ?? asOfBlock
  return [
    `  amount       ${amountBaseUnits} base units`,
    `  price        ${price.description}`,
    `  source       ${price.mode}${price.usdPerUnit === null ? '' : `, ${price.usdPerUnit} USD per unit`}`,
    `  tier         ${tier.label}, ${tier.discountPercent} % off`,
    `  price block  ${number} ${hash}`,
    `  own block    ${ownBlock ?? 'not known'}`,
  ]
}

function whyNotReleasable(state: DepositState, reason: DepositReason | null): string {
  switch (state) {
    case 'credited':
      return 'It is credited already.'
    case 'pending':
      return 'It is not held: the service has yet to decide on it, and does so by itself.'
    case 'orphaned':
    case 'reversed':
      return `It is ${state}: its block is no longer in the chain, so nothing was paid. It comes back on its own if the transaction does.`
    case 'rejected':
      return `It is rejected${inWords(reason)}. Credit it by "adjust" if it should be credited anyway.`
    case 'held':
      return `It is held${inWords(reason)}, and the price of another block does not change that. "deposit show" says more; credit it by "adjust" if it should be credited anyway.`
  }
}

function inWords(reason: DepositReason | null): string {
  return reason === null ? '' : ` for ${reason}`
}
