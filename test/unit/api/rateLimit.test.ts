import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import type { ApiEnv } from '../../../billing/api/appDeps.ts'
import { createApp } from '../../../billing/api/createApp.ts'
import { fakeDeps, knownHash, serviceKey, wallet } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

/** A request as if it came through a socket from this address. */
function from(address: string): ApiEnv['Bindings'] {
  // Only the address of the socket is ever read.
  return { incoming: { socket: { remoteAddress: address } } as IncomingMessage }
}

function limitedApp(options: { perMinute: number; trustProxy?: number }) {
  const deps = fakeDeps()
  const { perMinute, trustProxy = 0 } = options
  const config = { ...deps.config, rateLimitPerMinute: perMinute, trustProxy }
  return { app: createApp({ ...deps, config }), asked: deps.asked }
}

const quote = '/v1/quotes?rail=eth:1'

test('a client that asked as often as it may is told how long to wait', async () => {
  const { app, asked } = limitedApp({ perMinute: 2 })
  const post = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ txHash: knownHash }),
  }
  expect((await app.request(quote, {}, from('192.0.2.1'))).status).toBe(200)
  expect((await app.request(`/v1/transactions/${knownHash}`, {}, from('192.0.2.1'))).status).toBe(200)
  for (const request of [
    app.request(quote, {}, from('192.0.2.1')),
    app.request(`/v1/transactions/${knownHash}`, {}, from('192.0.2.1')),
    app.request('/v1/deposits', post, from('192.0.2.1')),
  ]) {
    const answer = await request
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    expect(Number(answer.headers.get('Retry-After'))).toBeLessThanOrEqual(60)
    expect(await statusAndCode(answer)).toEqual([429, 'rate_limited'])
  }
  expect(asked).toHaveLength(2)
  expect((await app.request(quote, {}, from('192.0.2.2'))).status).toBe(200)
})

test('routes that cost no RPC call are not limited, nor do malformed requests use the budget up', async () => {
  const { app } = limitedApp({ perMinute: 1 })
  const service = { headers: { Authorization: `Bearer ${serviceKey}` } }
  for (let n = 0; n < 5; n++) {
    expect((await app.request('/v1/config', {}, from('192.0.2.1'))).status).toBe(200)
    expect((await app.request(`/v1/accounts/${wallet}/balance`, service, from('192.0.2.1'))).status).toBe(200)
    expect((await app.request('/v1/transactions/0xnonsense', {}, from('192.0.2.1'))).status).toBe(422)
  }
  expect((await app.request(quote, {}, from('192.0.2.1'))).status).toBe(200)
})

test('without trusted proxies a forged X-Forwarded-For buys nothing', async () => {
  const { app } = limitedApp({ perMinute: 1 })
  const statuses: number[] = []
  for (const forged of ['1.1.1.1', '2.2.2.2', '::1']) {
    const headers = { 'X-Forwarded-For': forged, 'X-Real-IP': forged, Forwarded: `for=${forged}` }
    statuses.push((await app.request(quote, { headers }, from('192.0.2.1'))).status)
  }
  expect(statuses).toEqual([200, 429, 429])
})

test.each([
  {
    what: 'one proxy: the entry it wrote',
    trustProxy: 1,
    a: '6.6.6.6, 1.1.1.1',
    b: '7.7.7.7, 1.1.1.1',
    same: true,
  },
  { what: 'one proxy: two clients', trustProxy: 1, a: '1.1.1.1', b: '1.1.1.2', same: false },
  {
    what: 'two proxies: second from the right',
    trustProxy: 2,
    a: '6.6.6.6, 1.1.1.1, 10.0.0.1',
    b: '7.7.7.7,1.1.1.1,10.0.0.2',
    same: true,
  },
  { what: 'two proxies, too few entries: the socket', trustProxy: 2, a: '1.1.1.1', b: '1.1.1.2', same: true },
  { what: 'garbage: the socket', trustProxy: 1, a: 'garbage', b: 'unknown', same: true },
  { what: 'IPv6 of one /64', trustProxy: 1, a: '2001:db8:1:2:aaaa::1', b: '2001:DB8:1:2::', same: true },
  { what: 'IPv6 of two /64', trustProxy: 1, a: '2001:db8:1:2::1', b: '2001:db8:1:3::1', same: false },
  { what: 'IPv4-mapped is IPv4', trustProxy: 1, a: '::ffff:1.1.1.1', b: '1.1.1.1', same: true },
  { what: 'two IPv4-mapped', trustProxy: 1, a: '::ffff:1.1.1.1', b: '::ffff:1.1.1.2', same: false },
  { what: 'a port is not part of the address', trustProxy: 1, a: '1.1.1.1:5', b: '1.1.1.1:6', same: true },
  { what: 'brackets and a port', trustProxy: 1, a: '[2001:db8::1]:5', b: '2001:db8::2', same: true },
])('behind proxies the client is told apart safely: $what', async ({ trustProxy, a, b, same }) => {
  const { app } = limitedApp({ perMinute: 1, trustProxy })
  const first = await app.request(quote, { headers: { 'X-Forwarded-For': a } }, from('10.0.0.9'))
  const second = await app.request(quote, { headers: { 'X-Forwarded-For': b } }, from('10.0.0.9'))
  expect([first.status, second.status]).toEqual([200, same ? 429 : 200])
})

test('a thousand random hashes at once from as many addresses keep the RPC budget (case 32)', async () => {
  const { app, asked } = limitedApp({ perMinute: 10 })
  await app.request(`/v1/transactions/${knownHash}`, {}, from('192.0.2.1'))
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => {
      const txHash = `0x${(n + 1).toString(16).padStart(64, '0')}`
      return app.request(`/v1/transactions/${txHash}`, {}, from(`10.0.${n >> 8}.${n & 255}`))
    }),
  )
  const refused = answers.filter((answer) => answer.status === 429)

  expect(asked).toHaveLength(1 + 50)
  expect(refused).toHaveLength(950)
  expect(refused.every((answer) => Number(answer.headers.get('Retry-After')) >= 1)).toBe(true)
  // Whoever waits for a payment that exists is served all the same.
  expect((await app.request(`/v1/transactions/${knownHash}`, {}, from('192.0.2.1'))).status).toBe(200)
})
