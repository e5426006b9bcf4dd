import { expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../../billing/api/createApp.ts'
import { fakeDeps, serviceKey, wallet, walletToken } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const own = { headers: { Authorization: `Bearer ${walletToken}` } }
const service = { headers: { Authorization: `Bearer ${serviceKey}` } }
const other = `0x${'9'.repeat(40)}`

test.each([
  ['balance', [['readAccount', wallet]]],
  ['deposits', [['listByPayer', wallet, { cursor: null, limit: 50 }]]],
  ['ledger', [['listEntries', wallet, { cursor: null, limit: 50 }]]],
  ['sessions', [['listSessions', wallet, { cursor: null, limit: 50 }]]],
])("a wallet reads its own %s, as the service reads any account's", async (name, asked) => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const mine = await app.request(`/v1/${name}`, own)
  expect(deps.asked).toEqual(asked)
  const theirs = await app.request(`/v1/accounts/${wallet}/${name}`, service)
  expect([mine.status, theirs.status]).toEqual([200, 200])
  expect(await mine.json()).toEqual(await theirs.json())
})

test('a balance says what burns and how long it lasts', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/balance', own)
  expect(await answer.json()).toEqual({
    address: wallet,
    balanceMicros: '3600000000',
    balanceMinutes: '60',
    burnMicrosPerMinute: '120000000',
    runsOutAt: '2025-01-01T00:30:00.000Z',
    low: false,
    graceRemainingSeconds: null,
  })
})

test('a balance in grace says for how long', async () => {
  const { metering } = fakeDeps()
  const inGrace = {
    address: wallet,
    balanceMicros: -1n,
    burnMicrosPerMinute: 0n,
    runsOutAt: null,
    low: true,
    graceRemainingSeconds: 7_140,
  }
  const deps = fakeDeps({ metering: { ...metering, readAccount: async () => inGrace } })
  const answer = await createApp(deps).request('/v1/balance', own)
  expect(await answer.json()).toEqual({
    ...inGrace,
    balanceMicros: '-1',
    balanceMinutes: '-0.000001',
    burnMicrosPerMinute: '0',
  })
})

test('sessions are listed newest first and paged with an opaque cursor', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const first = await app.request('/v1/sessions', own)
  const { items, nextCursor } = z
    .object({ items: z.array(z.unknown()), nextCursor: z.string() })
    .parse(await first.json())
  await app.request(`/v1/sessions?limit=200&cursor=${nextCursor}`, own)

  expect(items).toHaveLength(3)
  expect(items[2]).toEqual({
    id: 'ended',
    wallet,
    profile: 'small',
    gpus: 1,
    state: 'ended',
    endReason: 'heartbeat_timeout',
    startedAt: '2025-01-01T00:00:00.000Z',
    endedAt: '2025-01-01T00:10:00.000Z',
    totalBilledMicros: '90000000',
    totalBilledMinutes: '1.5',
  })
  expect(deps.asked).toEqual([
    ['listSessions', wallet, { cursor: null, limit: 50 }],
    ['listSessions', wallet, { cursor: '1735689600000000:running', limit: 200 }],
  ])
})

test.each([
  'limit=0',
  'limit=201',
  'cursor=',
  'cursor=a!',
  `cursor=${Buffer.from('of another list').toString('base64url')}`,
])('GET /v1/sessions refuses ?%s', async (query) => {
  const app = createApp(fakeDeps())
  expect(await statusAndCode(await app.request(`/v1/sessions?${query}`, own))).toEqual([
    422,
    'invalid_request',
  ])
  const listed = await app.request(`/v1/accounts/${wallet}/sessions?${query}`, service)
  expect(await statusAndCode(listed)).toEqual([422, 'invalid_request'])
})

test.each(['balance', 'deposits', 'ledger', 'sessions'])(
  'nothing in a request makes /v1/%s that of another wallet (case 48)',
  async (name) => {
    const deps = fakeDeps()
    const app = createApp(deps)
    await app.request(`/v1/${name}?address=${other}&wallet=${other}&account=${other}`, {
      headers: { ...own.headers, 'X-Wallet': other, Cookie: `wallet=${other}` },
    })
    expect(deps.asked).toHaveLength(1)
    expect(JSON.stringify(deps.asked)).not.toContain(other)
    // Whether another account exists does not show: any address is refused alike.
    for (const address of [wallet, other]) {
      const answer = await app.request(`/v1/accounts/${address}/${name}`, own)
      expect(await statusAndCode(answer)).toEqual([403, 'forbidden'])
    }
    expect(deps.asked).toHaveLength(1)
  },
)

test('a token that is no longer good is 401 at the very next request', async () => {
  const isGood = [true, false]
  const walletTokens = { addressOf: async () => (isGood.shift() ? wallet : null) }
  const app = createApp(fakeDeps({ walletTokens }))
  expect((await app.request('/v1/balance', own)).status).toBe(200)
  expect(await statusAndCode(await app.request('/v1/balance', own))).toEqual([401, 'unauthorized'])
})

test('tokens that cannot be looked up are 500, not let in', async () => {
  const walletTokens = { addressOf: () => Promise.reject(new Error('the database is away')) }
  const deps = fakeDeps({ walletTokens })
  const app = createApp(deps)
  expect(await statusAndCode(await app.request('/v1/balance', own))).toEqual([500, 'internal_error'])
  // The service's own key needs no look-up.
  expect((await app.request(`/v1/accounts/${wallet}/balance`, service)).status).toBe(200)
  expect(deps.logged.join('')).not.toContain(walletToken)
})
