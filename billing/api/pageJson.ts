import { z } from '@hono/zod-openapi'
import { pageCursor } from './pageCursor.ts'

/** The schema of a list's answer: `{items, nextCursor}`, newest first; `nextCursor` null when nothing follows. */
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
