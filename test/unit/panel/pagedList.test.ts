import { expect, test } from 'vitest'
import type { Page } from '../../../panel/api/apiTypes.ts'
import type { ApiAnswer } from '../../../panel/api/callApi.ts'
import { pagedList } from '../../../panel/state/pagedList.ts'

interface Item {
  id: string
  state?: string
}

/** A list whose pages are answered when the test says so. */
function scene() {
  const asked: { cursor: string | null; answer: (answer: ApiAnswer<Page<Item>>) => void }[] = []
  const list = pagedList<Item>((cursor) => new Promise((resolve) => asked.push({ cursor, answer: resolve })))
  const page = (ids: string[], nextCursor: string | null = null): ApiAnswer<Page<Item>> => ({
    kind: 'ok',
    status: 200,
    value: { items: ids.map((id) => ({ id })), nextCursor },
  })
  const settle = async (answer: ApiAnswer<Page<Item>>) => {
    asked.shift()?.answer(answer)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { list, asked, page, settle, ids: () => [...list.items.value.keys()] }
}

test('pages follow one another to the end', async () => {
  const { list, asked, page, settle, ids } = scene()
  void list.refresh()
  await settle(page(['4', '3'], 'after-3'))
  expect(list.hasMore.value).toBe(true)
  void list.loadMore()
  expect(asked[0]?.cursor).toBe('after-3')
  await settle(page(['2', '1']))
  expect(ids()).toEqual(['4', '3', '2', '1'])
  expect(list.hasMore.value).toBe(false)
})

test('a refresh puts what is new on top and keeps older pages with their cursor', async () => {
  const { list, page, settle, ids } = scene()
  void list.refresh()
  await settle(page(['4', '3'], 'after-3'))
  void list.loadMore()
  await settle(page(['2', '1'], 'after-1'))
  void list.refresh()
  await settle(page(['5', '4'], 'after-4'))
  expect(ids()).toEqual(['5', '4', '3', '2', '1'])
  void list.loadMore()
  expect(list.state.value).toBe('loading')
})

test('a refresh that meets nothing known begins anew instead of leaving a hole', async () => {
  const { list, asked, page, settle, ids } = scene()
  void list.refresh()
  await settle(page(['2', '1'], 'after-1'))
  void list.refresh()
  await settle(page(['9', '8'], 'after-8'))
  expect(ids()).toEqual(['9', '8'])
  void list.loadMore()
  expect(asked[0]?.cursor).toBe('after-8')
})

test('what comes by itself goes on top, replaces what is known, and wins over a page asked for before', async () => {
  const { list, page, settle } = scene()
  void list.refresh()
  list.upsert({ id: '3', state: 'credited' })
  list.upsert({ id: '4' })
  await settle(page(['3', '2'], 'after-2'))
  expect([...list.items.value.values()]).toEqual([{ id: '4' }, { id: '3', state: 'credited' }, { id: '2' }])
  list.upsert({ id: '2', state: 'reversed' })
  expect([...list.items.value.values()].map(({ id, state }) => [id, state])).toEqual([
    ['4', undefined],
    ['3', 'credited'],
    ['2', 'reversed'],
  ])
})

test('what came before the first page does not hide that there are more', async () => {
  const { list, page, settle, ids } = scene()
  list.upsert({ id: '3' })
  void list.refresh()
  await settle(page(['3', '2'], 'after-2'))
  expect(ids()).toEqual(['3', '2'])
  expect(list.hasMore.value).toBe(true)
})

test('no answer leaves what was there', async () => {
  const { list, page, settle, ids } = scene()
  void list.refresh()
  await settle(page(['2', '1']))
  void list.refresh()
  await settle({ kind: 'offline' })
  expect(list.state.value).toBe('failed')
  expect(ids()).toEqual(['2', '1'])
})

test('an answer that comes after everything was forgotten is of somebody else', async () => {
  const { list, page, settle, ids } = scene()
  void list.refresh()
  list.clear()
  await settle(page(['2', '1'], 'after-1'))
  expect(ids()).toEqual([])
  expect(list.state.value).toBe('empty')
  expect(list.hasMore.value).toBe(false)
})
