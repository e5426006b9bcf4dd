import { z } from '@hono/zod-openapi'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200

/**
 * `?cursor=&limit=` of every list, as a `PageRequest`: the cursor is the previous page's `nextCursor`, the limit 1…200, by
 * default 50.
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

/** The page that a validated query asks for. */
export function pageRequest(query: { cursor?: string | null | undefined; limit?: number | undefined }) {
  return { cursor: query.cursor ?? null, limit: query.limit ?? DEFAULT_LIMIT }
}

const printable = /^[\x20-\x7e]{1,300}$/

/**
 * The opaque form of a page's key: base64url, so that nobody tries to build one. `decode` returns null for what `encode`
 * cannot have written.
 */
const pageCursor = {
  encode(key: string): string {
    return Buffer.from(key, 'utf8').toString('base64url')
  },
  decode(cursor: string): string | null {
    const key = Buffer.from(cursor, 'base64url').toString('utf8')
    return printable.test(key) && pageCursor.encode(key) === cursor ? key : null
  },
}

/** The schema of a list's answer: `{items, nextCursor}`, newest first; `nextCursor` is null when nothing follows. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() })
}

/** A page as the list's answer. */
export function pageJson<Item, Json>(
  page: { items: Item[]; nextKey: string | null },
  itemJson: (item: Item) => Json,
): { items: Json[]; nextCursor: string | null } {
  return {
    items: page.items.map(itemJson),
    nextCursor: page.nextKey === null ? null : pageCursor.encode(page.nextKey),
  }
}
