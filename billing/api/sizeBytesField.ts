import { z } from '@hono/zod-openapi'

const MAX_BYTES = 2n ** 63n - 1n
const FAULT =
  'must be a whole number of bytes below 2^63, as a decimal string, or as a JSON number up to 2^53 - 1'
const pattern = /^(0|[1-9]\d{0,18})$/

/**
 * A number of bytes in a request. A JSON number beyond 2^53 − 1 is refused: reading it has already lost digits, and what
 * is stored would not be what was sent.
 */
export const sizeBytesField = z
  .union([z.number(), z.string()], FAULT)
  .transform((value, context) => {
    const text = typeof value === 'number' && !Number.isSafeInteger(value) ? '' : String(value)
    const sizeBytes = pattern.test(text) ? BigInt(text) : null
    if (sizeBytes !== null && sizeBytes <= MAX_BYTES) return sizeBytes
    context.issues.push({ code: 'custom', input: value, message: FAULT })
    return z.NEVER
  })
  .openapi({
    anyOf: [
      { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      { type: 'string', pattern: pattern.source },
    ],
    example: '107374182400',
  })
