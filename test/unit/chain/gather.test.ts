import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Answer, agree, gather, type NamedAnswer } from '../../../billing/chain/rpc/agree.ts'
import type { RpcEndpoint } from '../../../billing/chain/rpc/rpcEndpoint.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

interface Said {
  says?: string
  afterMs: number
  fails?: string
  trouble?: string
}

const never = Number.POSITIVE_INFINITY

/** RPCs that say something after a while, and how long it took until it was decided. */
async function decide<result>(
  said: Said[],
  work: (
    endpoints: RpcEndpoint[],
    ask: (endpoint: RpcEndpoint) => Promise<Answer<string>>,
  ) => Promise<result>,
): Promise<{ result: result; tookMs: number }> {
  const endpoints = said.map(
    ({ trouble = null }, index): RpcEndpoint => ({
      label: `rpc ${index + 1}`,
      trouble: () => trouble as string | null,
      request: () => Promise.reject(new Error('not asked here')),
    }),
  )
  const ask = async (endpoint: RpcEndpoint): Promise<Answer<string>> => {
    const { says = '', afterMs, fails } = said[endpoints.indexOf(endpoint)] as Said
    await new Promise((resolve) => {
      if (afterMs !== never) setTimeout(resolve, afterMs)
    })
    if (fails !== undefined) throw new Error(fails)
    return { kind: 'answer', value: says }
  }
  let tookMs = never
  const startedAt = performance.now()
  const deciding = work(endpoints, ask).then((result) => {
    tookMs = performance.now() - startedAt
    return result
  })
  await vi.advanceTimersByTimeAsync(20_000)
  return { result: await deciding, tookMs }
}

const agreed = (said: Said[]) => decide(said, agree)

describe('an agreement is decided as soon as enough have answered alike', () => {
  test('all at once: at once', async () => {
    const said = [1, 2, 3].map(() => ({ says: 'a', afterMs: 50 }))
    expect(await agreed(said)).toEqual({ result: { kind: 'agreed', value: 'a' }, tookMs: 50 })
  })

  test('a third that never answers delays it by a fifth of a second', async () => {
    const said = [{ says: 'a', afterMs: 50 }, { afterMs: never }, { says: 'a', afterMs: 60 }]
    expect(await agreed(said)).toEqual({ result: { kind: 'agreed', value: 'a' }, tookMs: 260 })
  })

  test('a third that is in trouble delays it by nothing', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { afterMs: never, trouble: 'HTTP 429' },
      { says: 'a', afterMs: 60 },
    ]
    expect(await agreed(said)).toEqual({ result: { kind: 'agreed', value: 'a' }, tookMs: 60 })
  })

  test('slow ones are given twice what the others took, a second at most', async () => {
    const slow = (ms: number) => [{ says: 'a', afterMs: ms }, { says: 'a', afterMs: ms }, { afterMs: never }]
    expect((await agreed(slow(300))).tookMs).toBe(900)
    expect((await agreed(slow(3_000))).tookMs).toBe(4_000)
  })
})

describe('a liar', () => {
  test('as prompt as the others is heard, also where it comes last', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { says: 'a', afterMs: 60 },
      { says: 'b', afterMs: 150 },
    ]
    expect((await agreed(said)).result).toMatchObject({ kind: 'disagreement' })
  })

  test('where there are only two, is waited for however slow', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { says: 'b', afterMs: 9_000 },
    ]
    expect(await agreed(said)).toMatchObject({ result: { kind: 'disagreement' }, tookMs: 9_000 })
  })

  test('among three, where two contradict each other, the third is waited for', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { says: 'b', afterMs: 60 },
      { says: 'a', afterMs: 5_000 },
    ]
    expect(await agreed(said)).toMatchObject({ result: { kind: 'disagreement' }, tookMs: 5_000 })
  })
})

describe('who is not waited for', () => {
  test('has no fault where it is merely late, and one where it is in trouble', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { says: 'a', afterMs: 50 },
      { afterMs: never },
      { afterMs: never, trouble: 'HTTP 503' },
    ]
    const { result } = await decide(said, (endpoints, ask) => gather(endpoints, ask))
    expect((result as NamedAnswer<string>[]).slice(2)).toEqual([
      { label: 'rpc 3', kind: 'late' },
      { label: 'rpc 4', kind: 'failed', why: 'HTTP 503' },
    ])
  })

  test('is waited for all the same while too few have answered: with two RPCs, both are needed', async () => {
    const said = [
      { says: 'a', afterMs: 50 },
      { says: 'a', afterMs: 3_000, trouble: 'HTTP 503' },
    ]
    expect(await agreed(said)).toMatchObject({ result: { kind: 'agreed' }, tookMs: 3_000 })
  })
})
