const MICROS_PER_MINUTE = 60_000_000n

/**
 * Formats micros as minutes for people: thousands separated, truncated to `decimals` and never rounded up, with a real
 * minus sign. `fixed` keeps trailing zeros, so that a number that counts down keeps its width.
 *
 * @example minutesText(74_070_000_000n, 2) // '1,234.5'
 */
export function minutesText(micros: bigint, decimals = 0, { fixed = false } = {}): string {
  const size = micros < 0n ? -micros : micros
  const whole = (size / MICROS_PER_MINUTE).toString().replace(/\B(?=(\d{3})+$)/g, ',')
  const scale = 10n ** BigInt(decimals)
  const digits = (((size % MICROS_PER_MINUTE) * scale) / MICROS_PER_MINUTE).toString().padStart(decimals, '0')
  const fraction = decimals === 0 ? '' : fixed ? digits : digits.replace(/0+$/, '')
  const text = `${whole}${fraction === '' ? '' : `.${fraction}`}`
  return micros < 0n && /[1-9]/.test(text) ? `−${text}` : text
}

/** The day of a moment as `2025-01-31`, by the device's calendar rather than UTC: it is the person's day. */
export function dayOf(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

const MICROS_PER_SECOND = 1_000_000n

/**
 * Formats a duration by its two largest units, floored: `3 d 4 h`, `2 h 5 min`, `12 min 30 s`, `45 s`. Negative ones have
 * a minus sign. A day is 24 hours.
 *
 * @param unit the smallest unit shown; anything less than one of it reads as 0
 */
export function durationText(micros: bigint, unit: 'min' | 's' = 'min'): string {
  const seconds = (micros < 0n ? -micros : micros) / MICROS_PER_SECOND
  const parts: [bigint, string][] = [
    [seconds / 86_400n, 'd'],
    [(seconds / 3_600n) % 24n, 'h'],
    [(seconds / 60n) % 60n, 'min'],
    ...(unit === 's' ? [[seconds % 60n, 's'] as [bigint, string]] : []),
  ]
  const first = parts.findIndex(([count]) => count > 0n)
  if (first === -1) return `0 ${unit}`
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0n)
  // No-break spaces keep it on one line.
  return `${micros < 0n ? '−' : ''}${shown.map(([count, name]) => `${count}\u00a0${name}`).join('\u00a0')}`
}

/** Shortens an address or a hash for tight spaces, keeping both ends, by which people recognise it. */
export function shortHex(hex: string): string {
  return `${hex.slice(0, 6)}…${hex.slice(-4)}`
}

const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const timeWithSeconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const dateAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

/**
 * Formats a moment by this device's clock, as briefly as it stays clear: `16:42`, `Wed 26 Nov, 02:10`, `3 Jan 2025,
 * 10:00`.
 */
export function timeText(atMs: number, nowMs: number): string {
  const at = new Date(atMs)
  const now = new Date(nowMs)
  if (at.toDateString() === now.toDateString()) return time.format(at)
  return at.getFullYear() === now.getFullYear() ? dayAndTime.format(at) : dateAndTime.format(at)
}

/** A moment today, with seconds: `16:42:07`. */
export function secondsText(atMs: number): string {
  return timeWithSeconds.format(atMs)
}
