import { z } from '@hono/zod-openapi'
import { parseInstant } from './parseInstant.ts'

const FAULT =
  'must be an ISO 8601 date-time with seconds and zone, or whole Unix seconds, of the years 1970 to 9999'

/** A moment in a request, as `parseInstant` reads it. */
export const instantField = z
  .string()
  .max(40)
  .transform((text, context) => {
    const instant = parseInstant(text)
    if (instant !== null) return instant
    context.issues.push({ code: 'custom', input: text, message: FAULT })
    return z.NEVER
  })
  .openapi({ type: 'string', example: '2025-01-01T00:00:00Z' })
