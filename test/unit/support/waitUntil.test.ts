import { describe, expect, it } from 'vitest'
import { waitUntil } from '../../support/waitUntil.ts'

describe('waitUntil', () => {
  it('returns the fact as soon as it is there', async () => {
    let looks = 0
    const fact = () => (++looks === 3 ? 'there' : undefined)
    expect(await waitUntil(fact, { withinMs: 5_000, what: 'the third look', everyMs: 1 })).toBe('there')
  })

  it('takes zero for a fact', async () => {
    expect(await waitUntil(async () => 0, { withinMs: 100, what: 'a number' })).toBe(0)
  })

  it('tells what it waited for and what it saw last', async () => {
    await expect(waitUntil(() => false, { withinMs: 30, what: 'the moon' })).rejects.toThrow(
      'waited 120 ms for the moon; last seen: false',
    )
  })

  it('fails at its bound when the fact throws each time, with the error as its cause', async () => {
    const refuse = async () => {
      throw new Error('connection refused')
    }
    await expect(waitUntil(refuse, { withinMs: 30, what: 'an answer' })).rejects.toMatchObject({
      message: 'waited 120 ms for an answer; last seen: connection refused',
      cause: { message: 'connection refused' },
    })
  })

  it('fails at its bound when the fact never answers', async () => {
    await expect(
      waitUntil(() => new Promise<true>(() => {}), { withinMs: 30, what: 'an answer' }),
    ).rejects.toThrow('last seen: no answer at all')
  })
})
