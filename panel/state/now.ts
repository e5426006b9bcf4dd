import { signal } from '@preact/signals'

/** The time by this device, `Date.now()`, once a second while the page is looked at: what counts down reads it. */
export const nowMs = signal(Date.now())

/** Lets the time go on. Returns what stops it. */
export function keepNow(): () => void {
  const tick = () => {
    if (!document.hidden) nowMs.value = Date.now()
  }
  const timer = setInterval(tick, 1_000)
  document.addEventListener('visibilitychange', tick)
  return () => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', tick)
  }
}
