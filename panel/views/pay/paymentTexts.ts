import type { RailConfig } from '../../api/apiTypes.ts'
import { shortHex } from '../../format.ts'
import { showAmount } from '../../pay/amounts.ts'
import { knownChain } from '../../pay/chains.ts'
import type { SeenDeposit } from '../../pay/payment.ts'
import type { PaymentStage } from '../../pay/paymentStage.ts'
import type { SendFailure } from '../../state/sendNow.ts'
import { commonText } from '../../text/common.ts'
import { paymentText } from '../../text/payment.ts'
import type { SwitchOutcome } from '../../wallet/switchChain.ts'

/** Says what is happening with a payment, and what to do: usually nothing. */
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

/** The common name of a chain; its id if the page does not know it. */
export function chainName(chainId: number): string {
  return knownChain(chainId)?.name ?? commonText.chain(chainId)
}

const COIN = { symbol: 'ETH', decimals: 18 }

/** Says why a payment was not sent, and what to do about it. */
export function sendFailureText(outcome: SendFailure['outcome'], rail: RailConfig): string {
  const text = paymentText.outcome
  switch (outcome.kind) {
    case 'rejected':
      return text.rejected
    case 'busy':
      return text.busy
    case 'wrong_chain':
      return text.wrongChain(chainName(rail.chainId))
    case 'wrong_account':
      return text.wrongAccount
    case 'insufficient_funds': {
      const missing = outcome.needBaseUnits - outcome.haveBaseUnits
      const [lacks, has] = [missing, outcome.haveBaseUnits].map((amount) => showAmount(amount, rail.decimals))
      return text.insufficientFunds(lacks ?? '', has ?? '', rail.symbol)
    }
    case 'insufficient_gas':
      return text.insufficientGas(showAmount(outcome.needWei - outcome.haveWei, COIN.decimals), COIN.symbol)
    case 'abandoned':
      return text.abandoned
    case 'failed':
      return outcome.detail === '' ? text.failedUnknown : text.failed(sentence(outcome.detail))
  }
}

function sentence(detail: string): string {
  return /[.!?]$/.test(detail) ? detail : `${detail}.`
}

/** Says why the wallet did not switch to a network, and what to do about it. */
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

const SOON_SECONDS = 4
const MINUTE_SECONDS = 60
const ROUND_TO_SECONDS = 5

/** Words the time left as an estimate: in steps, never to the second. */
export function timeLeftText(seconds: number): string {
  const text = paymentText.tracker.timeLeft
  if (seconds <= SOON_SECONDS) return text.soon
  const rounded = Math.ceil(seconds / ROUND_TO_SECONDS) * ROUND_TO_SECONDS
  return rounded < MINUTE_SECONDS ? text.seconds(rounded) : text.minutes(Math.round(seconds / MINUTE_SECONDS))
}
