import type { PaymentStage } from './paymentStage.ts'

/** One step of the way from the wallet to the credit. */
export interface PaymentStep {
  key: 'wallet' | 'seen' | 'confirmations' | 'credited'
  /** `waiting`: it continues on its own, but not now; `stopped`: it goes no further. */
  state: 'done' | 'current' | 'waiting' | 'stopped' | 'upcoming'
}

/** The steps of a payment, and how many confirmations it has. */
export interface PaymentSteps {
  steps: PaymentStep[]
  confirmations: number
  /** null until the service has said how many it requires. */
  confirmationsRequired: number | null
}

type States = [PaymentStep['state'], PaymentStep['state'], PaymentStep['state'], PaymentStep['state']]

/** Lays a payment's stage out as steps, in order: in the wallet, seen, 1 to N confirmations, credited. */
export function paymentSteps(stage: PaymentStage): PaymentSteps {
  switch (stage.kind) {
    case 'in_wallet':
      return lay(['current', 'upcoming', 'upcoming', 'upcoming'])
    case 'sent':
      return lay(['done', 'current', 'upcoming', 'upcoming'])
    case 'not_found':
      return lay(['done', 'waiting', 'upcoming', 'upcoming'])
    case 'in_mempool':
      return lay(['done', 'done', 'current', 'upcoming'], 0, stage.confirmationsRequired)
    case 'confirming':
      return lay(['done', 'done', 'current', 'upcoming'], stage.confirmations, stage.confirmationsRequired)
    case 'crediting':
      return reached(stage, 'current')
    case 'credited':
      return reached(stage, 'done')
    case 'held':
      return reached(stage, 'waiting')
    case 'rejected':
      return reached(stage, 'stopped')
    case 'orphaned':
    case 'reversed':
      return lay(['done', 'done', 'waiting', 'upcoming'], 0, stage.confirmationsRequired)
    case 'transaction_failed':
      return lay(['done', 'done', 'stopped', 'upcoming'])
    case 'no_qualifying_transfer':
    case 'cancelled':
    case 'replaced':
      return lay(['done', 'stopped', 'upcoming', 'upcoming'])
  }
}

function reached(
  { confirmationsRequired }: { confirmationsRequired: number },
  last: PaymentStep['state'],
): PaymentSteps {
  return lay(['done', 'done', 'done', last], confirmationsRequired, confirmationsRequired)
}

function lay(states: States, confirmations = 0, confirmationsRequired: number | null = null): PaymentSteps {
  const [wallet, seen, confirming, credited] = states
  return {
    steps: [
      { key: 'wallet', state: wallet },
      { key: 'seen', state: seen },
      { key: 'confirmations', state: confirming },
      { key: 'credited', state: credited },
    ],
    confirmations,
    confirmationsRequired,
  }
}
