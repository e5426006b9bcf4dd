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

/** Writes a moment by this device's clock, as briefly as is clear now: `16:42`, `Wed 26 Nov, 02:10`, `3 Jan 2025, 10:00`. */
export function timeText(atMs: number, nowMs: number): string {
  const at = new Date(atMs)
  const now = new Date(nowMs)
  if (at.toDateString() === now.toDateString()) return time.format(at)
  return at.getFullYear() === now.getFullYear() ? dayAndTime.format(at) : dateAndTime.format(at)
}

/** The same with the seconds, of today: `16:42:07`. */
export function secondsText(atMs: number): string {
  return timeWithSeconds.format(atMs)
}
