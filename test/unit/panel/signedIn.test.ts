import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SignedIn } from '../../../panel/api/apiTypes.ts'

const KEEP = 'axonos-credits.signed-in'
const mine: SignedIn = {
  address: '0x00000000000000000000000000000000000000aa',
  token: 'token-of-a-wallet',
  expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
}

let kept: Map<string, string>
let answers: Response[]
let asked: { path: string; authorization: string | null }[]

beforeEach(() => {
  kept = new Map()
  answers = []
  asked = []
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push({ path, authorization: new Headers(init.headers).get('Authorization') })
    return answers.shift() ?? Promise.reject(new TypeError('no network'))
  })
  vi.resetModules()
})

afterEach(() => vi.unstubAllGlobals())

/** The page, freshly loaded. */
const load = () => import('../../../panel/state/signedIn.ts')
const unauthorized = () =>
  new Response(JSON.stringify({ code: 'unauthorized', status: 401, type: '', title: '', detail: '' }), {
    status: 401,
    headers: { 'Content-Type': 'application/problem+json' },
  })

describe('a sign-in', () => {
  test('survives a reload', async () => {
    const before = await load()
    before.keepSignIn(mine)
    vi.resetModules()
    expect((await load()).signedIn.value).toEqual(mine)
  })

  test.each([
    ['that has expired', JSON.stringify({ ...mine, expiresAt: '2020-01-01T00:00:00Z' })],
    ['of another form', JSON.stringify({ ...mine, address: '0xAA' })],
    ['without an end', JSON.stringify({ ...mine, expiresAt: undefined })],
    ['that is no JSON', '{'],
  ])('%s counts as none', async (_what, text) => {
    kept.set(KEEP, text)
    expect((await load()).signedIn.value).toBeNull()
  })

  test('works where the browser keeps nothing', async () => {
    vi.stubGlobal('localStorage', undefined)
    const page = await load()
    expect(page.signedIn.value).toBeNull()
    page.keepSignIn(mine)
    expect(page.signedIn.value).toEqual(mine)
  })

  test('is forgotten when the service does not know its token, and the page knows that it ended by itself', async () => {
    const page = await load()
    page.keepSignIn(mine)
    answers = [unauthorized()]
    const answer = await page.callAsWallet('/v1/balance')
    expect(answer.kind).toBe('problem')
    expect(asked).toEqual([{ path: '/v1/balance', authorization: 'Bearer token-of-a-wallet' }])
    expect(page.signedIn.value).toBeNull()
    expect(page.signInExpired.value).toBe(true)
    expect(kept.size).toBe(0)
  })

  test('that is fresh is not lost by a late answer to the one before', async () => {
    const page = await load()
    page.keepSignIn(mine)
    const fresh = { ...mine, token: 'another-token' }
    answers = [unauthorized()]
    const late = page.callAsWallet('/v1/balance')
    page.keepSignIn(fresh)
    await late
    expect(page.signedIn.value).toEqual(fresh)
  })

  test('is not lost by a service that is away', async () => {
    const page = await load()
    page.keepSignIn(mine)
    expect(await page.callAsWallet('/v1/balance')).toEqual({ kind: 'offline' })
    expect(page.signedIn.value).toEqual(mine)
  })

  test('ends here at once when somebody signs out, and its token is revoked', async () => {
    const page = await load()
    page.keepSignIn(mine)
    answers = [new Response(null, { status: 204 })]
    const out = page.signOut()
    expect(page.signedIn.value).toBeNull()
    expect(kept.size).toBe(0)
    await out
    expect(asked).toEqual([{ path: '/v1/auth/logout', authorization: 'Bearer token-of-a-wallet' }])
    expect(page.signInExpired.value).toBe(false)
  })
})
