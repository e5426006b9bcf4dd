import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Deposit } from '../../../panel/api/apiTypes.ts'

// The page's memory of payments, with the browser's storage and clock played by the test and the service's answers told.

const ADDRESS = `0x${'ab'.repeat(20)}` as const
const OTHER = `0x${'cd'.repeat(20)}` as const
const HASH = `0x${'12'.repeat(32)}`
const OTHER_HASH = `0x${'34'.repeat(32)}`
const SECOND_MS = 1000
const sent = { rail: 'eth:1', chainId: 1, payer: ADDRESS, amountBaseUnits: '5', nonce: null }

let stored: Map<string, string>
let listeners: Map<string, (event: unknown) => void>
let asked: string[]
let answer: () => Response | Promise<Response>

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: {
      'Content-Type': status === 200 ? 'application/json' : 'application/problem+json',
      ...headers,
    },
  })
const problem = (code: string, status: number, headers = {}) => json({ code, status }, status, headers)
const deposit = (changes: Partial<Deposit> = {}): Deposit => ({
  id: `1-${HASH}-eth-${ADDRESS}`,
  txHash: HASH,
  chainId: 1,
  rail: 'eth:1',
  payer: ADDRESS,
  amountBaseUnits: '5',
  state: 'pending',
  reason: null,
  retryAt: null,
  confirmations: 1,
  confirmationsRequired: 6,
  creditMicros: null,
  creditMinutes: null,
  blockNumber: '1',
  blockTime: null,
  creditedAt: null,
  ...changes,
})
const found = (...deposits: Deposit[]) => json({ txHash: HASH, outcome: 'pending', deposits })

/** The page's modules, as fresh as after a reload. */
async function load() {
  vi.resetModules()
  const { keepSignIn, forgetSignIn } = await import('../../../panel/state/signedIn.ts')
  const payments = await import('../../../panel/state/payments.ts')
  const account = await import('../../../panel/state/account.ts')
  const { followPayments } = await import('../../../panel/state/followPayments.ts')
  const signIn = (address: typeof ADDRESS | typeof OTHER) =>
    keepSignIn({ address, token: 't', expiresAt: '2999-01-01T00:00:00Z' })
  return { ...payments, account, followPayments, signIn, forgetSignIn }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
  stored = new Map()
  listeners = new Map()
  asked = []
  answer = () => problem('transaction_not_found', 404)
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
  })
  vi.stubGlobal('addEventListener', (event: string, listener: (event: unknown) => void) =>
    listeners.set(event, listener),
  )
  vi.stubGlobal('removeEventListener', () => {})
  vi.stubGlobal('document', { hidden: false })
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path)
    return answer()
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('payments are remembered', () => {
  test('across a reload, for the account that paid and for no other', async () => {
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    page.trackSent(HASH, sent)
    expect(page.shownPayments.value.map(({ txHash }) => txHash)).toEqual([HASH])
    stop()

    const later = await load()
    const stopLater = later.followPayments()
    expect(later.shownPayments.value.map(({ txHash }) => txHash)).toEqual([HASH])
    later.signIn(OTHER)
    expect(later.payments.value).toEqual([])
    later.forgetSignIn()
    expect(later.payments.value).toEqual([])
    later.signIn(ADDRESS)
    expect(later.payments.value).toHaveLength(1)
    stopLater()
  })

  test('for the account that paid, even when another is signed in by the time the wallet answers', async () => {
    const page = await load()
    page.signIn(OTHER)
    const stop = page.followPayments()
    page.trackSent(HASH, sent)
    expect(page.payments.value).toEqual([])
    page.signIn(ADDRESS)
    expect(page.payments.value.map(({ txHash }) => txHash)).toEqual([HASH])
    stop()
  })

  test('together with those that another tab has added meanwhile', async () => {
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    page.trackSent(HASH, sent)
    const [key, text] = [...stored].find(([name]) => name.includes('payments')) ?? ['', '']
    stored.set(key, text.replaceAll(HASH, OTHER_HASH))
    page.trackSent(HASH, sent)
    expect(page.payments.value.map(({ txHash }) => txHash)).toEqual([HASH, OTHER_HASH])
    stored.set(key, '[]')
    listeners.get('storage')?.({ key })
    expect(page.payments.value).toEqual([])
    stop()
  })

  test('not when storage holds nonsense, nor when there is no storage', async () => {
    stored.set(`axonos-credits.payments.${ADDRESS}`, '{"')
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    expect(page.payments.value).toEqual([])
    vi.stubGlobal('localStorage', undefined)
    page.trackSent(HASH, sent)
    expect(page.payments.value).toHaveLength(1)
    page.dismissPayment(HASH)
    expect(page.shownPayments.value).toEqual([])
    stop()
  })

  test('a speed-up goes on under its new hash, once, also when it was found by itself first', async () => {
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    page.trackSent(HASH, sent)
    page.trackSubmitted({
      txHash: OTHER_HASH,
      outcome: 'pending',
      deposits: [deposit({ txHash: OTHER_HASH, confirmations: 2 })],
    })
    page.followSpeedUp(HASH, OTHER_HASH)
    expect(page.payments.value).toMatchObject([
      { txHash: OTHER_HASH, replacedHash: HASH, origin: 'sent', deposits: [{ confirmations: 2 }] },
    ])
    stop()
  })
})

describe('payments are followed', () => {
  async function follow() {
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    page.trackSent(HASH, sent)
    return { ...page, stop }
  }
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * SECOND_MS)

  test('by their hash, every few seconds, until the service knows of them and tells by itself', async () => {
    const page = await follow()
    await pass(7)
    expect(asked.length).toBeGreaterThanOrEqual(2)
    expect(new Set(asked)).toEqual(new Set([`/v1/transactions/${HASH}`]))
    answer = () => found(deposit())
    await pass(4)
    expect(page.payments.value[0]).toMatchObject({ unknownSinceMs: null, deposits: [{ confirmations: 1 }] })
    page.account.streamState.value = 'open'
    asked.length = 0
    await pass(20)
    expect(asked).toEqual([])
    page.stop()
  })

  test('not while the service asks for a pause', async () => {
    answer = () => problem('rate_limited', 429, { 'Retry-After': '30' })
    const page = await follow()
    await pass(2)
    expect(asked).toHaveLength(1)
    await pass(27)
    expect(asked).toHaveLength(1)
    await pass(5)
    expect(asked).toHaveLength(2)
    page.stop()
  })

  test('without one question overtaking another, however slow the service is', async () => {
    let respond = (_: Response) => {}
    answer = () =>
      new Promise((resolve) => {
        respond = resolve
      })
    const page = await follow()
    page.trackSent(OTHER_HASH, sent)
    await pass(12)
    expect(asked).toHaveLength(1)
    respond(found(deposit()))
    await pass(1)
    expect(asked).toHaveLength(2)
    page.stop()
  })

  test('and an answer that an event has overtaken takes nothing back', async () => {
    let respond = (_: Response) => {}
    answer = () =>
      new Promise((resolve) => {
        respond = resolve
      })
    const page = await follow()
    await pass(1)
    page.account.depositPages.upsert(deposit({ state: 'credited', confirmations: 6, creditMinutes: '60' }))
    expect(page.payments.value[0]).toMatchObject({ deposits: [{ state: 'credited' }] })
    respond(found(deposit({ confirmations: 5 })))
    await pass(1)
    expect(page.payments.value[0]).toMatchObject({ deposits: [{ state: 'credited' }] })
    page.stop()
  })

  test('from another device too, as soon as the service tells of them', async () => {
    const page = await load()
    page.signIn(ADDRESS)
    const stop = page.followPayments()
    page.account.depositPages.upsert(deposit({ txHash: OTHER_HASH, id: 'other' }))
    expect(page.shownPayments.value).toMatchObject([{ txHash: OTHER_HASH, origin: 'found' }])
    stop()
  })

  test('no more once they are settled', async () => {
    answer = () => problem('transaction_not_found', 404)
    const page = await follow()
    await pass(1)
    page.account.depositPages.upsert(deposit({ state: 'credited', confirmations: 6, creditMinutes: '60' }))
    asked.length = 0
    await pass(60)
    expect(asked).toEqual([])
    page.stop()
  })
})
