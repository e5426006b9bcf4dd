import type { Hash } from 'viem'

/** How far a payment has got. */
export type Progress =
  | { step: 'sent' }
  | { step: 'seen' }
  | { step: 'confirming'; confirmations: number; required: number }
  | { step: 'credited'; minutes: string }
  | { step: 'stuck'; why: string }

interface TransactionAnswer {
  outcome: string
  deposits: {
    rail: string
    state: string
    reason: string | null
    confirmations: number
    confirmationsRequired: number
    creditMinutes: string | null
  }[]
}

const TIMEOUT_MS = 90_000

/**
 * Asks the public API about a transaction until its deposit is credited, and reports each change. Resolves with the
 * minutes credited, or null if the deposit ended otherwise, or not within a minute and a half.
 */
export async function followDeposit(
  baseUrl: string,
  txHash: Hash,
  tell: (progress: Progress) => void,
): Promise<string | null> {
  const end = performance.now() + TIMEOUT_MS
  let told = ''
  while (performance.now() < end) {
    const progress = await look(baseUrl, txHash)
    if (JSON.stringify(progress) !== told) tell(progress)
    told = JSON.stringify(progress)
    if (progress.step === 'credited') return progress.minutes
    if (progress.step === 'stuck') return null
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  tell({ step: 'stuck', why: `not credited within ${TIMEOUT_MS / 1000} s` })
  return null
}

async function look(baseUrl: string, txHash: Hash): Promise<Progress> {
  const response = await fetch(`${baseUrl}/v1/transactions/${txHash}`, {
    signal: AbortSignal.timeout(10_000),
  })
  // Not found: the node it was sent to has it, but ours has not seen it yet. Unavailable: try again.
  if (response.status === 404 || response.status === 503) return { step: 'sent' }
  if (!response.ok)
    return { step: 'stuck', why: `the API answered ${response.status}: ${await response.text()}` }
  const { outcome, deposits } = (await response.json()) as TransactionAnswer
  const [deposit] = deposits
  if (outcome === 'no_qualifying_transfer' || outcome === 'transaction_failed') {
    return { step: 'stuck', why: outcome }
  }
  if (deposit === undefined) return { step: 'sent' }
  switch (deposit.state) {
    case 'credited':
      return { step: 'credited', minutes: deposit.creditMinutes ?? '' }
    case 'held':
    case 'rejected':
    case 'reversed':
      return { step: 'stuck', why: [deposit.state, deposit.reason].filter(Boolean).join(': ') }
    default: {
      const { confirmations, confirmationsRequired: required } = deposit
      if (confirmations === 0) return { step: 'seen' }
      return { step: 'confirming', confirmations: Math.min(confirmations, required), required }
    }
  }
}
