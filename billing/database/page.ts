/**
 * Asks for one page of a list, newest first. `cursor` is the keyset value of the last item on the page before (the `nextKey`
 * of its `Page`), null for the first page. It comes back from outside, so a reader that cannot parse it answers
 * `bad_cursor`, and it never enters a statement other than as a parameter. `limit` is 1…200.
 */
export interface PageRequest {
  cursor: string | null
  limit: number
}

/**
 * One page. `nextKey` is the keyset value of its last item, or null if nothing follows: a short text, encoded by whoever
 * hands it out.
 */
export type Page<Item> = { kind: 'page'; items: Item[]; nextKey: string | null } | { kind: 'bad_cursor' }
