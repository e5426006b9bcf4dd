import { z } from '@hono/zod-openapi'
import { pageCursor } from '../pageCursor.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200

/**
 * `?cursor=&limit=` of every list, as a `PageRequest`: the cursor is what the page before gave as `nextCursor`, the limit
 * 1…200, 50 unless told.
 */
export const pageQuery = {
  cursor: z
    .string()
    .max(400)
    .refine((text) => pageCursor.decode(text) !== null, 'is not a cursor that a list has given')
    .transform((text) => pageCursor.decode(text))
    .optional()
    .openapi({ type: 'string', description: '`nextCursor` of the page before.' }),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, `must be a whole number from 1 to ${MAX_LIMIT}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_LIMIT, `must be at most ${MAX_LIMIT}`)
    .optional()
    .openapi({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }),
}

/** The page that a checked query asks for. */
export function pageRequest(query: { cursor?: string | null | undefined; limit?: number | undefined }) {
  return { cursor: query.cursor ?? null, limit: query.limit ?? DEFAULT_LIMIT }
}
