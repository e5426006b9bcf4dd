import { shortHex } from '../../format/shortHex.ts'
import type { SeenDeposit } from '../../pay/payment.ts'
import type { PaymentStage } from '../../pay/paymentStage.ts'
import { paymentText } from '../../text/payment.ts'

/** Says what goes on with a payment, and what is to be done: usually nothing. */
export function stageText(
  stage: Exclude<PaymentStage, { kind: 'in_wallet' }>,
  deposit: SeenDeposit | null,
  ownAddress: string | null,
): string {
  const text = paymentText.tracker.stage
  switch (stage.kind) {
    case 'credited':
      return deposit === null || deposit.payer === ownAddress
        ? text.credited(stage.creditMinutes)
        : text.creditedTo(stage.creditMinutes, shortHex(deposit.payer))
    case 'held':
      return heldText(stage.reason)
    default:
      return text[stage.kind]
  }
}

function heldText(reason: string | null): string {
  const texts: Record<string, string> = paymentText.tracker.held
  return (reason === null ? undefined : texts[reason]) ?? paymentText.tracker.held.other
}
