import { z } from 'zod'

const dateTime = z.iso.datetime({ offset: true })
const unixSeconds = /^(0|[1-9]\d{0,11})$/
/** The last second of the year 9999: later ones have no plain ISO form, and PostgreSQL would not take it. */
const LAST_MS = 253_402_300_799_999

/**
 * Reads a moment: an ISO 8601 date-time with seconds and zone (`Z` or an offset), or whole Unix seconds. Exact to the
 * millisecond; digits beyond it are cut off. null for everything else: no zone, no such day, a fraction or a sign before
 * seconds, and moments before 1970 or after 9999.
 *
 * @example parseInstant('1735689600') // as '2025-01-01T00:00:00Z' and '2025-01-01T01:00:00+01:00'
 */
export function parseInstant(text: string): Date | null {
  const isSeconds = unixSeconds.test(text)
  if (!isSeconds && !dateTime.safeParse(text).success) return null
  const milliseconds = isSeconds ? Number(text) * 1000 : Date.parse(text)
  return milliseconds >= 0 && milliseconds <= LAST_MS ? new Date(milliseconds) : null
}
