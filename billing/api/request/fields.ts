import { z } from '@hono/zod-openapi'
import { type Address, checksumAddress, type Hash } from 'viem'
import type { Rail } from '../../config/config.ts'
import { MAX_CREDIT_MICROS, MICROS_PER_MINUTE } from '../../pricing/quote.ts'

/**
 * A wallet address in a request: 0x and 40 hex digits in any case, lower-cased. In mixed case it must have the right EIP-55
 * checksum: the only chance to notice a mistyped address before credit goes to it.
 */
export const addressField = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be 0x and 40 hex digits')
  .refine(hasValidCase, 'is written in mixed case, but its EIP-55 checksum is wrong')
  .transform((text) => text.toLowerCase() as Address)

function hasValidCase(text: string): boolean {
  const digits = text.slice(2)
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return true
  return checksumAddress(text.toLowerCase() as Address) === text
}

/** A transaction hash in a request: 0x and exactly 64 lower-case hex digits. */
export const hashField = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, 'must be 0x and 64 lower-case hex digits')
  .transform((text) => text as Hash)

/**
 * The id of a session or a volume in a request, chosen by the caller. `.` and `..` are refused: no path could name such a
 * session or volume afterwards, because clients and proxies resolve them (RFC 3986 §5.2.4).
 */
export const idField = z
  .string()
  .regex(
    /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/,
    'must be 1 to 128 letters, digits, dots, underscores, colons or hyphens, and not only one or two dots',
  )

/** A rail in a request, `asset:chainId`. The handler checks whether it is enabled. */
export const railField = z
  .string()
  .regex(/^(eth|usdc|axgt):[1-9]\d{0,14}$/, 'must be asset:chainId')
  .transform((text) => text as Rail)
  .openapi({ example: 'eth:1' })

const MAX_VOLUME_BYTES = 2n ** 63n - 1n
const SIZE_FAULT =
  'must be a whole number of bytes below 2^63, as a decimal string, or as a JSON number up to 2^53 - 1'
const sizePattern = /^(0|[1-9]\d{0,18})$/

/**
 * A number of bytes in a request. A JSON number beyond 2^53 − 1 is refused: parsing it has already lost digits, so the
 * stored size would differ from the one sent.
 */
export const sizeBytesField = z
  .union([z.number(), z.string()], SIZE_FAULT)
  .transform((value, context) => {
    const text = typeof value === 'number' && !Number.isSafeInteger(value) ? '' : String(value)
    const sizeBytes = sizePattern.test(text) ? BigInt(text) : null
    if (sizeBytes !== null && sizeBytes <= MAX_VOLUME_BYTES) return sizeBytes
    context.issues.push({ code: 'custom', input: value, message: SIZE_FAULT })
    return z.NEVER
  })
  .openapi({
    anyOf: [
      { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      { type: 'string', pattern: sizePattern.source },
    ],
    example: '107374182400',
  })

const INSTANT_FAULT =
  'must be an ISO 8601 date-time with seconds and zone, or whole Unix seconds, of the years 1970 to 9999'

/** A point in time in a request, as `parseInstant` reads it. */
export const instantField = z
  .string()
  .max(40)
  .transform((text, context) => {
    const instant = parseInstant(text)
    if (instant !== null) return instant
    context.issues.push({ code: 'custom', input: text, message: INSTANT_FAULT })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '2025-01-01T00:00:00Z' })

const dateTime = z.iso.datetime({ offset: true })
const unixSeconds = /^(0|[1-9]\d{0,11})$/
/** The last millisecond of the year 9999: later ones have no plain ISO form, and PostgreSQL would refuse them. */
const LAST_MS = 253_402_300_799_999

/**
 * Reads a point in time: an ISO 8601 date-time with seconds and zone (`Z` or an offset), or whole Unix seconds. Exact to the
 * millisecond; further digits are cut off. null for everything else: no zone, no such day, Unix seconds with a fraction or a
 * sign, and times before 1970 or after 9999.
 *
 * @example parseInstant('1735689600') // as '2025-01-01T00:00:00Z' and '2025-01-01T01:00:00+01:00'
 */
export function parseInstant(text: string): Date | null {
  const isSeconds = unixSeconds.test(text)
  if (!isSeconds && !dateTime.safeParse(text).success) return null
  const milliseconds = isSeconds ? Number(text) * 1000 : Date.parse(text)
  return milliseconds >= 0 && milliseconds <= LAST_MS ? new Date(milliseconds) : null
}

const MINUTES_FAULT =
  'must be a plain decimal number above 0 with at most 6 decimals, and no more than one credit may hold'

/** Wanted minutes, as micros: what `parseMinutes` reads, above 0. */
export const wantedMinutesField = z
  .string()
  .max(40)
  .transform((text, context) => {
    const micros = parseMinutes(text)
    if (micros !== null && micros > 0n) return micros
    context.issues.push({ code: 'custom', input: text, message: MINUTES_FAULT })
    return z.NEVER
  })
  .openapi({ type: 'string', pattern: '^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$', example: '60' })

const MINUTES_DECIMALS = 6
const minutesPattern = /^(-?)(0|[1-9]\d{0,11})(?:\.(\d{1,6}))?$/

/**
 * Reads an adjustment's minutes, `-12.5` for example, as micros. Exact: at most 6 decimals, which always make whole micros.
 * null for everything else: no number, zero in any spelling, an exponent, a plus sign, more digits, or more than
 * one posting may hold (2^53 − 1 micros either way).
 */
export function parseMinutes(text: string): bigint | null {
  const [, sign, whole = '', decimals = ''] = minutesPattern.exec(text) ?? []
  if (sign === undefined) return null
  const millionths = BigInt(whole + decimals.padEnd(MINUTES_DECIMALS, '0'))
  const micros = (millionths * MICROS_PER_MINUTE) / 10n ** BigInt(MINUTES_DECIMALS)
  if (micros === 0n || micros > MAX_CREDIT_MICROS) return null
  return sign === '-' ? -micros : micros
}

const amountPattern = /^(0|[1-9]\d{0,77})(?:\.(\d{1,77}))?$/

/**
 * Reads an amount in asset units, `0.0005` for example, as base units. Exact: surplus digits are refused, never rounded
 * (viem's `parseUnits` would round them). null for a sign, an exponent, zero, more decimals than the asset has.
 *
 * @example parseAmount('1.5', 6) // 1_500_000n
 */
export function parseAmount(text: string, decimals: number): bigint | null {
  const [, whole, fraction = ''] = amountPattern.exec(text) ?? []
  if (whole === undefined || fraction.length > decimals) return null
  const baseUnits = BigInt(whole + fraction.padEnd(decimals, '0'))
  return baseUnits === 0n ? null : baseUnits
}
