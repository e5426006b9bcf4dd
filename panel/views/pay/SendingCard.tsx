import { showAmount } from '../../pay/amounts.ts'
import { paymentSteps } from '../../pay/paymentSteps.ts'
import { nowMs } from '../../state/now.ts'
import { type Sending, stopWaiting } from '../../state/sendNow.ts'
import { paymentText } from '../../text/payment.ts'
import { connected } from '../../wallet/connection.ts'
import { chainName } from './paymentTexts.ts'
import { Stepper } from './Stepper.tsx'

/** A wallet that has not answered by then may have opened its window out of sight. */
const SLOW_AFTER_MS = 12_000

/** The payment that the wallet is being asked for: the first step, and a way out if the wallet does not answer. */
export function SendingCard({ sending }: { sending: Sending }) {
  const { rail, amountBaseUnits } = sending
  const text = paymentText.tracker
  const title = text.heading(showAmount(amountBaseUnits, rail.decimals), rail.symbol)
  const isAsked = sending.phase === 'in_wallet'
  const isLong = isAsked && nowMs.value - sending.sinceMs >= SLOW_AFTER_MS
  const hasSwitched = isAsked && connected.value?.chainId !== rail.chainId
  return (
    <article class={hasSwitched ? 'payment is-warn' : 'payment'} aria-label={title}>
      <div class="payment-head">
        <h3>
          {title} <span class="soft">{paymentText.rails.onChain(chainName(rail.chainId))}</span>
        </h3>
      </div>
      <Stepper {...paymentSteps({ kind: 'in_wallet' })} />
      <p class="payment-stage" role="status">
        {sentenceOf(sending, isLong, hasSwitched)}
      </p>
      {(isLong || hasSwitched) && (
        <div class="payment-links small">
          <button type="button" class="button link" onClick={stopWaiting}>
            {text.stopWaiting}
          </button>
        </div>
      )}
    </article>
  )
}

function sentenceOf({ phase, walletName }: Sending, isLong: boolean, hasSwitched: boolean): string {
  const text = paymentText.tracker.stage
  if (phase === 'checking') return text.checking
  if (hasSwitched) return text.walletSwitched
  return isLong ? text.in_wallet_long(walletName) : text.in_wallet(walletName)
}
