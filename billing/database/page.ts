/**
 * One page of a list, newest first. `cursor` is the keyset value of the last item of the page before (what a `Page`
 * gave as `nextKey`), null for the first page. It comes back from outside, so a reader that can not understand it
 * answers `bad_cursor` and never puts it into a statement other than as a parameter. `limit` is 1…200.
 */
export interface PageRequest {
  cursor: string | null
  limit: number
}

/** `nextKey` is the keyset value of the last item, or null when nothing follows. Any short text; whoever hands it out encodes it. */
export type Page<Item> = { kind: 'page'; items: Item[]; nextKey: string | null } | { kind: 'bad_cursor' }
