import type { RailConfig } from '../../api/apiTypes.ts'
import { sendFailure } from '../../state/sendNow.ts'
import { switchFailure } from '../../state/switchNow.ts'
import { paymentText } from '../../text/payment.ts'
import { connected } from '../../wallet/connection.ts'
import { chainName, sendFailureText, switchFailureText } from './paymentTexts.ts'

/** What keeps a payment on a rail from being sent: the last attempt's failure, or the wallet being on another network. */
export function RailMessage({ rail }: { rail: RailConfig }) {
  const { text, tone } = messageOf(rail)
  return (
    <p class={`rail-message ${tone}`} role="status">
      {text}
    </p>
  )
}

function messageOf(rail: RailConfig): { text: string; tone: string } {
  const wallet = connected.value
  const isElsewhere = wallet !== null && wallet.chainId !== rail.chainId
  const noSwitch = switchFailure.value
  if (isElsewhere && noSwitch?.rail === rail.rail) {
    return { text: switchFailureText(noSwitch.outcome, rail.chainId), tone: 'is-warn' }
  }
  const failure = sendFailure.value
  if (failure?.rail === rail.rail) {
    const isGone = failure.outcome.kind === 'wrong_chain' && !isElsewhere
    const tone = failure.outcome.kind === 'rejected' ? 'soft' : 'is-warn'
    if (!isGone) return { text: sendFailureText(failure.outcome, rail), tone }
  }
  if (isElsewhere) return { text: paymentText.send.wrongChain(chainName(wallet.chainId)), tone: 'soft' }
  return { text: '', tone: '' }
}
