import { paymentText } from '../../text/payment.ts'

const SOON_SECONDS = 4
const MINUTE_SECONDS = 60
const STEP_SECONDS = 5

/** Words an estimate as what it is: in steps, and never to the second. */
export function timeLeftText(seconds: number): string {
  const text = paymentText.tracker.timeLeft
  if (seconds <= SOON_SECONDS) return text.soon
  const rounded = Math.ceil(seconds / STEP_SECONDS) * STEP_SECONDS
  return rounded < MINUTE_SECONDS ? text.seconds(rounded) : text.minutes(Math.round(seconds / MINUTE_SECONDS))
}
