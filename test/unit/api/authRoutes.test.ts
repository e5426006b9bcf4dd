import { expect, test } from 'vitest'
import type { Api } from '../../../billing/api/appDeps.ts'
import { createApp } from '../../../billing/api/createApp.ts'
import { adminKey, fakeDeps, serviceKey, wallet, walletToken } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const headers = { 'Content-Type': 'application/json' }
const post = (app: Api, path: string, body: unknown) =>
  app.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
const logout = (app: Api, init: RequestInit = {}) =>
  app.request('/v1/auth/logout', { method: 'POST', ...init })
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

test('a challenge is a message for that wallet, on the first chain unless told', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const answer = await post(app, '/v1/auth/challenge', { address: wallet.toUpperCase().replace('0X', '0x') })
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ message: `${wallet} on 1`, expiresAt: '2025-01-01T00:05:00.000Z' })
  expect((await post(app, '/v1/auth/challenge', { address: wallet, chainId: 1 })).status).toBe(200)
  expect(deps.asked).toEqual([
    ['challenge', wallet, 1],
    ['challenge', wallet, 1],
  ])
})

test('a chain that is not configured is 422 and says so', async () => {
  const deps = fakeDeps()
  const answer = await post(createApp(deps), '/v1/auth/challenge', { address: wallet, chainId: 10 })
  expect(answer.status).toBe(422)
  expect(await answer.json()).toMatchObject({
    code: 'invalid_request',
    faults: [{ in: 'json', path: 'chainId', message: 'is not a configured chain' }],
  })
  expect(deps.asked).toEqual([])
})

test.each([
  {},
  { address: 'vitalik.eth' },
  { address: `${wallet}0` },
  // Mixed case with a wrong checksum.
  { address: '0xAB5801a7D398351b8bE11C439e05C5B3259aeC9B' },
  { address: wallet, chainId: '1' },
  { address: wallet, chainId: 0 },
  { address: wallet, domain: 'evil.example' },
])('POST /v1/auth/challenge refuses %j', async (body) => {
  const deps = fakeDeps()
  expect(await statusAndCode(await post(createApp(deps), '/v1/auth/challenge', body))).toEqual([
    422,
    'invalid_request',
  ])
  expect(deps.asked).toEqual([])
})

test('a signed message becomes a token', async () => {
  const deps = fakeDeps()
  const signed = { message: 'good', signature: '0x01' }
  const answer = await post(createApp(deps), '/v1/auth/verify', signed)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('Cache-Control')).toBe('no-store')
  expect(await answer.json()).toEqual({
    token: walletToken,
    expiresAt: '2025-01-01T12:00:00.000Z',
    address: wallet,
  })
  expect(deps.asked).toEqual([['verify', signed]])
})

test.each([
  ['a message that is not good any more', { message: 'used', signature: '0x01' }, 422, 'challenge_expired'],
  ['a signature of somebody else', { message: 'good', signature: '0x02' }, 422, 'signature_invalid'],
  ['a chain that cannot be asked', { message: 'unreachable', signature: '0x01' }, 503, 'chain_unavailable'],
  ['too many at once', { message: 'overloaded', signature: '0x01' }, 503, 'overloaded'],
])('%s is told apart by its code', async (_, signed, status, code) => {
  const deps = fakeDeps()
  const answer = await post(createApp(deps), '/v1/auth/verify', signed)
  expect(answer.headers.has('Retry-After')).toBe(status === 503)
  // A client that forgets its token at a 401 must not do so here.
  expect(answer.headers.has('WWW-Authenticate')).toBe(false)
  expect(await statusAndCode(answer)).toEqual([status, code])
  expect(deps.logged.join('').includes('rpc 1: no answer')).toBe(code === 'chain_unavailable')
})

test.each([
  ['no signature', { message: 'good' }],
  ['a signature without 0x', { message: 'good', signature: '01' }],
  ['half a byte', { message: 'good', signature: '0x0' }],
  ['no hex', { message: 'good', signature: '0xzz' }],
  ['a signature of 8193 bytes', { message: 'good', signature: `0x${'00'.repeat(8_193)}` }],
  ['an empty message', { message: '', signature: '0x01' }],
  ['a message of 4097 characters', { message: 'm'.repeat(4_097), signature: '0x01' }],
  ['an address beside', { message: 'good', signature: '0x01', address: wallet }],
])('POST /v1/auth/verify refuses %s before anything is asked', async (_, body) => {
  const deps = fakeDeps()
  expect(await statusAndCode(await post(createApp(deps), '/v1/auth/verify', body))).toEqual([
    422,
    'invalid_request',
  ])
  expect(deps.asked).toEqual([])
})

test('a signature of 64 KiB is not even read', async () => {
  const deps = fakeDeps()
  const body = { message: 'good', signature: `0x${'00'.repeat(65_536)}` }
  expect(await statusAndCode(await post(createApp(deps), '/v1/auth/verify', body))).toEqual([
    413,
    'body_too_large',
  ])
  expect(deps.asked).toEqual([])
})

test.each(['challenge', 'verify'])('/v1/auth/%s is limited per client', async (name) => {
  const { config, ...deps } = fakeDeps()
  const app = createApp({ ...deps, config: { ...config, rateLimitPerMinute: 2 } })
  const body = name === 'challenge' ? { address: wallet } : { message: 'good', signature: '0x01' }
  for (const _ of [1, 2]) expect((await post(app, `/v1/auth/${name}`, body)).status).toBe(200)
  const third = await post(app, `/v1/auth/${name}`, body)
  expect(Number(third.headers.get('Retry-After'))).toBeGreaterThan(0)
  expect(await statusAndCode(third)).toEqual([429, 'rate_limited'])
  expect(deps.asked).toHaveLength(2)
})

test('all clients together are given 6000 messages a minute and no more', async () => {
  const { config, ...deps } = fakeDeps()
  const app = createApp({ ...deps, config: { ...config, rateLimitPerMinute: 1_000_000 } })
  for (let count = 0; count < 6_000; count++) {
    expect((await post(app, '/v1/auth/challenge', { address: wallet })).status).toBe(200)
  }
  const refused = await post(app, '/v1/auth/challenge', { address: wallet })
  expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
  expect(await statusAndCode(refused)).toEqual([503, 'overloaded'])
  expect((await post(app, '/v1/auth/verify', { message: 'good', signature: '0x01' })).status).toBe(200)
})

test('signing out ends the very token that was sent', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  for (const init of [
    bearer(walletToken),
    { headers: { ...bearer(walletToken).headers, ...headers }, body: '{}' },
  ]) {
    const answer = await logout(app, init)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
  }
  expect(deps.asked).toEqual([
    ['signOut', walletToken],
    ['signOut', walletToken],
  ])
})

test.each([
  ['no token', {}, 401, 'unauthorized'],
  ['an unknown token', bearer('never-given'), 401, 'unauthorized'],
  ['the service key', bearer(serviceKey), 403, 'forbidden'],
  ['the admin key', bearer(adminKey), 403, 'forbidden'],
])('signing out with %s is refused', async (_, init, status, code) => {
  const deps = fakeDeps()
  expect(await statusAndCode(await logout(createApp(deps), init))).toEqual([status, code])
  expect(deps.asked).toEqual([])
})

test('a bad bearer does not keep anybody from signing in', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/auth/verify', {
    method: 'POST',
    headers: { ...headers, Authorization: 'Bearer expired' },
    body: JSON.stringify({ message: 'good', signature: '0x01' }),
  })
  expect(answer.status).toBe(200)
})

test('neither message nor signature nor token is logged', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  await post(app, '/v1/auth/verify', { message: 'good', signature: '0x01' })
  await post(app, '/v1/auth/verify', { message: 'unreachable', signature: '0x0123456789' })
  const logged = deps.logged.join('')
  expect(logged).not.toContain(walletToken)
  expect(logged).not.toContain('0x0123456789')
})
