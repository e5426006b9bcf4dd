import type { PaymentStep, PaymentSteps } from '../../pay/paymentSteps.ts'
import { paymentText } from '../../text/payment.ts'

/** With more confirmations than this, single pips blur. */
const MAX_PIPS = 12

/** The progress of a payment as an ordered list: in the wallet, seen, its confirmations, credited. */
export function Stepper({ steps, confirmations, confirmationsRequired }: PaymentSteps) {
  const text = paymentText.tracker
  return (
    <ol class="stepper" aria-label={text.steps.label}>
      {steps.map((step) => (
        <li
          key={step.key}
          class={`step is-${step.key} is-${step.state}`}
          {...(isHere(step) && { 'aria-current': 'step' as const })}
        >
          {step.key === 'confirmations' && confirmationsRequired !== null ? (
            <Pips count={confirmations} required={confirmationsRequired} />
          ) : (
            <span class="step-mark" aria-hidden="true" />
          )}
          <span class="step-label">
            {labelOf(step, confirmations, confirmationsRequired)}
            <span class="visually-hidden">, {text.stepState[step.state]}</span>
          </span>
        </li>
      ))}
    </ol>
  )
}

function isHere({ state }: PaymentStep): boolean {
  return state === 'current' || state === 'waiting' || state === 'stopped'
}

function Pips({ count, required }: { count: number; required: number }) {
  const shown = Math.min(count, required)
  if (required > MAX_PIPS) {
    return (
      <span class="step-bar" aria-hidden="true">
        <span style={{ width: `${(100 * shown) / required}%` }} />
      </span>
    )
  }
  const classOf = (pip: number) => (pip < shown ? 'pip is-done' : pip === shown ? 'pip is-next' : 'pip')
  return (
    <span class="pips" aria-hidden="true">
      {Array.from({ length: required }, (_, pip) => (
        <span key={pip} class={classOf(pip)} />
      ))}
    </span>
  )
}

function labelOf(step: PaymentStep, confirmations: number, required: number | null): string {
  const { steps } = paymentText.tracker
  switch (step.key) {
    case 'wallet':
      return step.state === 'done' ? steps.walletDone : steps.wallet
    case 'seen':
      return steps.seen
    case 'confirmations':
      return required === null
        ? steps.confirmations
        : steps.confirmationsOf(Math.min(confirmations, required), required)
    case 'credited':
      if (step.state === 'waiting') return steps.held
      return step.state === 'stopped' ? steps.notCredited : steps.credited
  }
}
