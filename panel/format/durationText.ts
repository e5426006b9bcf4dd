const MICROS_PER_SECOND = 1_000_000n

/**
 * Writes a length of time by its two largest units, floored: `3 d 4 h`, `2 h 5 min`, `12 min 30 s`, `45 s`. Negative ones
 * have a minus sign. A day is 24 hours.
 *
 * @param unit the smallest to be written; less than one of it is `0` of it
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
  // In one line: with no-break spaces.
  return `${micros < 0n ? '−' : ''}${shown.map(([count, name]) => `${count}\u00a0${name}`).join('\u00a0')}`
}
