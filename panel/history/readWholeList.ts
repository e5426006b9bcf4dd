import type { Page } from '../api/apiTypes.ts'
import { callAsWallet } from '../state/signedIn.ts'

/** The most that the service returns at once. */
const PAGE_SIZE = '200'
/** A hundred thousand items: more than anyone has, and a bound should a cursor ever loop. */
const MAX_PAGES = 500

/**
 * Reads a list of the service from the newest item on, until `isEnough` accepts an item or the list ends. null when the
 * service did not answer: half a list is never returned.
 */
export async function readWholeList<Item>(
  path: `/${string}`,
  isEnough: (item: Item) => boolean = () => false,
): Promise<Item[] | null> {
  const items: Item[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const answer = await callAsWallet<Page<Item>>(path, { query: { limit: PAGE_SIZE, cursor } })
    if (answer.kind !== 'ok') return null
    items.push(...answer.value.items)
    const { nextCursor } = answer.value
    const last = items.at(-1)
    if (nextCursor === null || (last !== undefined && isEnough(last))) return items
    cursor = nextCursor
  }
  return null
}
