import { type ReadonlySignal, signal } from '@preact/signals'
import type { Page } from '../api/apiTypes.ts'
import type { ApiAnswer } from '../api/callApi.ts'

/** `empty`: nothing requested yet. `failed`: the last request failed; what was loaded before is still there. */
export type ListState = 'empty' | 'loading' | 'loaded' | 'failed'

/** A list of the service, newest first, loaded page by page and kept up to date from the top. */
export interface PagedList<Item> {
  /** By id, newest first. */
  items: ReadonlySignal<ReadonlyMap<string, Item>>
  state: ReadonlySignal<ListState>
  hasMore: ReadonlySignal<boolean>
  /** Loads the newest page. Older items stay as they are. */
  refresh(): Promise<void>
  loadMore(): Promise<void>
  /** Takes an item from an event; a new one goes to the top. */
  upsert(item: Item): void
  clear(): void
}

/** @param askPage loads the page at a cursor, or the newest for null. */
export function pagedList<Item extends { id: string }>(
  askPage: (cursor: string | null) => Promise<ApiAnswer<Page<Item>>>,
): PagedList<Item> {
  const items = signal<ReadonlyMap<string, Item>>(new Map())
  const state = signal<ListState>('empty')
  const hasMore = signal(false)
  let nextCursor: string | null = null
  let hasFirstPage = false
  /** Incremented when the list is cleared: an answer still under way then belongs to another account. */
  let era = 0
  /** Items from events that arrived while a page was under way are newer than that page. */
  let came = new Map<string, Item>()

  async function ask(cursor: string | null): Promise<Page<Item> | null> {
    const eraAsked = era
    came = new Map()
    state.value = 'loading'
    const answer = await askPage(cursor)
    if (era !== eraAsked) return null
    state.value = answer.kind === 'ok' ? 'loaded' : 'failed'
    return answer.kind === 'ok' ? answer.value : null
  }

  function take(page: Page<Item>, order: 'top' | 'bottom'): void {
    const fresh = page.items.map((item) => [item.id, came.get(item.id) ?? item] as const)
    const known = [...items.value]
    const isInPage = new Set(fresh.map(([id]) => id))
    const others = known.filter(([id]) => !isInPage.has(id))
    if (order === 'bottom') {
      items.value = new Map([...others, ...fresh])
      nextCursor = page.nextCursor
    } else {
      const newer = others.filter(([id]) => came.has(id))
      const older = others.filter(([id]) => !came.has(id))
      // A page that overlaps nothing loaded before leaves a gap below it, so the list starts anew from here.
      const touches = older.length < known.length - newer.length
      const isWhole = hasFirstPage && (touches || page.nextCursor === null)
      items.value = new Map([...newer, ...fresh, ...(isWhole ? older : [])])
      if (!isWhole) nextCursor = page.nextCursor
      hasFirstPage = true
    }
    hasMore.value = nextCursor !== null
  }

  return {
    items,
    state,
    hasMore,
    async refresh() {
      const page = await ask(null)
      if (page !== null) take(page, 'top')
    },
    async loadMore() {
      if (nextCursor === null || state.value === 'loading') return
      const page = await ask(nextCursor)
      if (page !== null) take(page, 'bottom')
    },
    upsert(item) {
      came.set(item.id, item)
      const known = items.value
      if (known.has(item.id))
        items.value = new Map([...known].map(([id, old]) => [id, id === item.id ? item : old]))
      else items.value = new Map([[item.id, item], ...known])
    },
    clear() {
      era += 1
      items.value = new Map()
      nextCursor = null
      hasFirstPage = false
      hasMore.value = false
      state.value = 'empty'
      came = new Map()
    },
  }
}
