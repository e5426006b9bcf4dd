import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { accountText } from '../text/account.ts'
import { commonText } from '../text/common.ts'
import { Skeleton } from './Skeleton.tsx'

interface PaySide {
  PayPanel: ComponentType
  PaymentTracker: ComponentType
}

const loaded = signal<PaySide | 'loading' | 'failed'>('loading')

/**
 * Loads the payment side, which is most of the page's code and not needed at first. Loads once; again only after a
 * failure.
 */
export async function loadPaySide(): Promise<void> {
  if (typeof loaded.peek() === 'object') return
  loaded.value = 'loading'
  try {
    const [{ PayPanel }, { PaymentTracker }] = await Promise.all([
      import('./pay/PayPanel.tsx'),
      import('./pay/PaymentTracker.tsx'),
    ])
    loaded.value = { PayPanel, PaymentTracker }
  } catch {
    loaded.value = 'failed'
  }
}

/** Payments under way: shown everywhere on the page, signed in or not. */
export function PaymentTrackers() {
  const side = loaded.value
  return typeof side === 'string' ? null : <side.PaymentTracker />
}

/** The ways to pay. */
export function PayPart() {
  const side = loaded.value
  if (side === 'failed') {
    return (
      <p>
        {accountText.pay.failed}{' '}
        <button type="button" class="button" onClick={() => void loadPaySide()}>
          {commonText.tryAgain}
        </button>
      </p>
    )
  }
  if (side === 'loading') {
    return (
      <div class="stack">
        <Skeleton width="60%" />
        <Skeleton width="100%" />
        <Skeleton width="100%" />
      </div>
    )
  }
  return <side.PayPanel />
}
