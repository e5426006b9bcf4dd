import { formatMinutes } from '../billing/api/json/amounts.ts'
import type { DepositView } from '../billing/deposits/depositViews.ts'

/** A deposit as lines for the terminal, the id first. */
export function formatDeposit(deposit: DepositView): string[] {
  const { state, reason, detail, confirmations, confirmationsRequired, creditMicros, retryAt } = deposit
  return [
    `deposit ${deposit.id}`,
    `  rail           ${deposit.rail}`,
    `  payer          ${deposit.payer}`,
    `  amount         ${deposit.amountBaseUnits} base units`,
    `  state          ${state}${reason === null ? '' : `: ${reason}`}`,
    ...(detail === null ? [] : [`  why            ${detail}`]),
    ...(retryAt === null ? [] : [`  next look      ${retryAt.toISOString()}`]),
    `  block          ${deposit.blockNumber ?? 'none yet'}`,
    `  confirmations  ${confirmations} of ${confirmationsRequired}`,
    `  credit         ${creditMicros === null ? 'none' : `${formatMinutes(creditMicros)} minutes`}`,
  ]
}
