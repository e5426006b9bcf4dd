import type { Ref } from 'preact'
import { timeText } from '../../format.ts'
import { showAmount } from '../../pay/amounts.ts'
import { explorerLink } from '../../pay/chains.ts'
import type { Payment, SeenDeposit } from '../../pay/payment.ts'
import { type PaymentStage, paymentStage } from '../../pay/paymentStage.ts'
import { paymentSteps } from '../../pay/paymentSteps.ts'
import { timeLeft } from '../../pay/timeLeft.ts'
import { config, railOf } from '../../state/config.ts'
import { nowMs } from '../../state/now.ts'
import { dismissPayment } from '../../state/payments.ts'
import { signedIn } from '../../state/signedIn.ts'
import { paymentText } from '../../text/payment.ts'
import { CopyButton } from '../CopyButton.tsx'
import { chainName, stageText, timeLeftText } from './paymentTexts.ts'
import { Stepper } from './Stepper.tsx'

/** One payment, under way or finished: its steps, what is happening, and the transaction. */
export function PaymentCard({
  payment,
  deposit,
  titleRef,
}: {
  payment: Payment
  /** null while the service knows of no deposit. */
  deposit: SeenDeposit | null
  titleRef: Ref<HTMLHeadingElement> | null
}) {
  const text = paymentText.tracker
  const stage = paymentStage(payment, deposit, nowMs.value)
  // A payment shown here has left the wallet: it has a hash.
  if (stage.kind === 'in_wallet') throw new Error('a payment with a hash has left the wallet')
  const chainId = deposit?.chainId ?? payment.sent?.chainId ?? null
  const title = titleOf(payment, deposit)
  const link = chainId === null ? null : explorerLink(chainId, payment.txHash)
  return (
    <article class={`payment ${toneOf(stage)}`} aria-label={title}>
      <div class="payment-head">
        <h3 ref={titleRef} tabIndex={-1}>
          {title}{' '}
          {chainId !== null && <span class="soft">{paymentText.rails.onChain(chainName(chainId))}</span>}
        </h3>
        <TimeLeft payment={payment} stage={stage} chainId={chainId} />
      </div>
      <Stepper {...paymentSteps(stage)} />
      <p class="payment-stage" role="status">
        {stageText(stage, deposit, signedIn.value?.address ?? null)}
      </p>
      <RetryAt stage={stage} />
      {payment.replacedHash !== null && <p class="soft small">{text.spedUp}</p>}
      <div class="payment-links small">
        {link !== null && (
          <a href={link} target="_blank" rel="noopener noreferrer">
            {text.explorer}
            <span class="visually-hidden"> ({text.explorerHint})</span>
          </a>
        )}
        <CopyButton text={payment.txHash} label={text.copyHash} done={text.hashCopied} look="link" />
        {canBeDismissed(stage) && (
          <button
            type="button"
            class="button link"
            aria-label={text.dismissNamed(title)}
            onClick={() => dismissPayment(payment.txHash)}
          >
            {text.dismiss}
          </button>
        )}
      </div>
    </article>
  )
}

/** When it is checked next, if that can change anything: a payment below the minimum waits for another one. */
function RetryAt({ stage }: { stage: PaymentStage }) {
  if (stage.kind !== 'held' || stage.reason === 'below_minimum' || stage.retryAt === null) return null
  const atMs = Date.parse(stage.retryAt)
  if (!(atMs > nowMs.value)) return null
  return <p class="soft small">{paymentText.tracker.retryAt(timeText(atMs, nowMs.value))}</p>
}

function TimeLeft({
  payment,
  stage,
  chainId,
}: {
  payment: Payment
  stage: PaymentStage
  chainId: number | null
}) {
  const confirmations =
    stage.kind === 'confirming' ? stage.confirmations : stage.kind === 'in_mempool' ? 0 : null
  if (confirmations === null || chainId === null) return null
  const required = 'confirmationsRequired' in stage ? stage.confirmationsRequired : null
  const configured = config.value?.chains.find((chain) => chain.chainId === chainId)?.confirmations
  const confirmationsRequired = required ?? configured
  if (confirmationsRequired === undefined) return null
  const { sightings } = payment
  const seconds = timeLeft({ chainId, confirmations, confirmationsRequired, sightings, nowMs: nowMs.value })
  return seconds === null ? null : <p class="payment-time small soft">{timeLeftText(seconds)}</p>
}

function titleOf({ sent }: Payment, deposit: SeenDeposit | null): string {
  const rail = deposit?.rail ?? sent?.rail
  const amount = deposit?.amountBaseUnits ?? sent?.amountBaseUnits
  const enabled = rail === undefined ? undefined : railOf(rail)
  if (enabled === undefined || amount === undefined) return paymentText.tracker.unknownPayment
  return paymentText.tracker.heading(showAmount(BigInt(amount), enabled.decimals), enabled.symbol)
}

function toneOf({ kind }: PaymentStage): string {
  switch (kind) {
    case 'credited':
      return 'is-good'
    case 'held':
    case 'orphaned':
    case 'not_found':
    case 'replaced':
    case 'cancelled':
      return 'is-warn'
    case 'reversed':
    case 'rejected':
    case 'transaction_failed':
    case 'no_qualifying_transfer':
      return 'is-bad'
    case 'in_wallet':
    case 'sent':
    case 'in_mempool':
    case 'confirming':
    case 'crediting':
      return ''
  }
}

/** What continues on its own within minutes cannot be dismissed. */
function canBeDismissed({ kind }: PaymentStage): boolean {
  return kind !== 'sent' && kind !== 'in_mempool' && kind !== 'confirming' && kind !== 'crediting'
}
