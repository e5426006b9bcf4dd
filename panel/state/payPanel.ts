import { computed, effect, signal } from '@preact/signals'
import { balance } from './account.ts'
import { config } from './config.ts'
import { liveBalance } from './liveBalance.ts'
import { nowMs } from './now.ts'

const ONE_MINUTE_MICROS = 60_000_000n

/** Whether the payment side is open. */
export const isPayPanelOpen = signal(false)

/** The balance at this second; null until it is known. */
export const balanceNow = computed(() => {
  const known = balance.value
  if (known === null) return null
  return liveBalance(known, nowMs.value, {
    lowBalanceMinutes: config.value?.sessions.lowBalanceMinutes ?? 0,
  })
})

/** Whether there is too little to start a desktop, or running ones will soon stop. */
const needsCredit = computed(() => {
  const now = balanceNow.value
  return now !== null && (now.balanceMicros < ONE_MINUTE_MICROS || now.isLow)
})

/**
 * Opens the payment side whenever credit becomes necessary. Only the person closes it: it must not vanish in front of
 * somebody whose payment has just been credited. Returns a function that stops it.
 */
export function followPayPanel(): () => void {
  return effect(() => {
    if (needsCredit.value) isPayPanelOpen.value = true
  })
}
