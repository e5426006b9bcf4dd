import { z } from '@hono/zod-openapi'
import { parseMinutes } from './parseMinutes.ts'

const FAULT =
  'must be a plain decimal number above 0 with at most 6 decimals, and no more than one credit may hold'

/** Minutes that somebody wants, as micros: what `parseMinutes` reads, above 0. */
export const wantedMinutesField = z
  .string()
  .max(40)
  .transform((text, context) => {
    const micros = parseMinutes(text)
    if (micros !== null && micros > 0n) return micros
    context.issues.push({ code: 'custom', input: text, message: FAULT })
    return z.NEVER
  })
  .openapi({ type: 'string', pattern: '^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$', example: '60' })
