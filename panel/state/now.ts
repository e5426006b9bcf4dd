import { signal } from '@preact/signals'

/** The time by this device, `Date.now()`, updated once a second while the page is visible: countdowns read it. */
export const nowMs = signal(Date.now())

/** Keeps the time up to date. Returns a function that stops it. */
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
