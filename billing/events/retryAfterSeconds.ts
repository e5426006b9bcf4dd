/**
 * How long an answer asks to wait, from its Retry-After header: whole seconds, or a date (RFC 9110 §10.2.3). null when it
 * does not say, or not in either form; never negative.
 */
export function retryAfterSeconds(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,15}$/.test(header)) return Number(header)
  // A date begins with the name of its day; Date.parse would make something of almost anything.
  const atMs = /^[A-Z][a-z]+,? /.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1_000))
}
