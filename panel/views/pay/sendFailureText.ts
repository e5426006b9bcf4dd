import type { RailConfig } from '../../api/apiTypes.ts'
import { showAmount } from '../../pay/showAmount.ts'
import type { SendFailure } from '../../state/sendNow.ts'
import { paymentText } from '../../text/payment.ts'
import { chainName } from './chainName.ts'

const COIN = { symbol: 'ETH', decimals: 18 }

/** Says in a sentence why a payment was not sent, and what to do about it. */
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
