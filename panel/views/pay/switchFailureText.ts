import { paymentText } from '../../text/payment.ts'
import type { SwitchOutcome } from '../../wallet/switchChain.ts'
import { chainName } from './chainName.ts'

/** Says in a sentence why the wallet is not on a network, and what to do about it. */
export function switchFailureText(
  outcome: Exclude<SwitchOutcome, { kind: 'switched' }>,
  chainId: number,
): string {
  const text = paymentText.outcome
  switch (outcome.kind) {
    case 'rejected':
      return text.switchRejected
    case 'busy':
      return text.switchBusy
    case 'unknown_chain':
      return text.switchUnknown(chainName(chainId), chainId)
    case 'failed':
      return text.switchFailed(chainName(chainId))
  }
}
