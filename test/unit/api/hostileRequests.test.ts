import { expect, test } from 'vitest'
import { createApp } from '../../../billing/api/createApp.ts'
import { problems } from '../../../billing/api/problems.ts'
import { adminKey, fakeDeps, knownHash, serviceKey, unknownHash, wallet, walletToken } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const json = { 'Content-Type': 'application/json' }
const hash = knownHash.slice(2)

test.each([
  ['65 hex digits', `${knownHash}1`],
  ['63 hex digits', knownHash.slice(0, -1)],
  ['upper-case digits', `0x${'AB'.repeat(32)}`],
  ['0X', `0X${hash}`],
  ['no prefix', hash],
  ['a leading space', ` ${knownHash}`],
  ['a trailing newline', `${knownHash}\n`],
  ['a NUL', `0x${'1'.repeat(63)}\0`],
  ['no hex', `0x${'g'.repeat(64)}`],
  ['spaces', '   '],
])('a hash with %s is 422 on GET and on POST, and costs no RPC call (case 31)', async (_, txHash) => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const got = await app.request(`/v1/transactions/${encodeURIComponent(txHash)}`)
  const posted = await app.request('/v1/deposits', {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ txHash }),
  })

  expect(await statusAndCode(got)).toEqual([422, 'invalid_request'])
  expect(await statusAndCode(posted)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

test.each([
  '{"txHash":""}',
  '{"txHash":5}',
  '{"txHash":null}',
  `{"txHash":["${knownHash}"]}`,
  `{"txHash":{"0":"${knownHash}"}}`,
  '{}',
  '[]',
  'null',
  '"text"',
  '5',
  `["${knownHash}"]`,
  `{"txHash":"${knownHash}","payer":"${wallet}"}`,
  `{"txHash":"${knownHash}","chainId":"1"}`,
  `{"txHash":"${knownHash}","chainId":1.5}`,
  `{"txHash":"${knownHash}","chainId":-1}`,
  `{"txHash":"${knownHash}","chainId":null}`,
  `{"txHash":"${knownHash}","chainId":1e999}`,
  `{"txHash":"${knownHash}","__proto__":{"chainId":1}}`,
  `{"txHash":"${knownHash}","\\u005f_proto__":{}}`,
  `{"txHash":"${knownHash}","constructor":{}}`,
  '{"txHash":"\\u0000"}',
  '{"txHash":"\\ud800"}',
])('POST /v1/deposits refuses the body %s with 422 and asks no RPC (cases 31, 50)', async (body) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/deposits', { method: 'POST', headers: json, body })
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

test.each(['', '{', '{"txHash":', "{'txHash':1}", 'undefined', '\0', '{"a":1}}', '{"a":NaN}'])(
  'malformed JSON %j is 400 (case 50)',
  async (body) => {
    const answer = await createApp(fakeDeps()).request('/v1/deposits', {
      method: 'POST',
      headers: json,
      body,
    })
    expect(await statusAndCode(answer)).toEqual([400, 'malformed_json'])
  },
)

test('bytes that are not UTF-8 are 400 and not replaced by something else', async () => {
  const body = Buffer.concat([Buffer.from('{"txHash":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
  const answer = await createApp(fakeDeps()).request('/v1/deposits', { method: 'POST', headers: json, body })
  expect(await statusAndCode(answer)).toEqual([400, 'malformed_json'])
})

test.each([
  undefined,
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/json',
  'application/jsonx',
])('the content type %s is 415 (case 50)', async (contentType) => {
  const answer = await createApp(fakeDeps()).request('/v1/deposits', {
    method: 'POST',
    headers: contentType === undefined ? {} : { 'Content-Type': contentType },
    body: Buffer.from(JSON.stringify({ txHash: knownHash })),
  })
  expect(await statusAndCode(answer)).toEqual([415, 'unsupported_media_type'])
})

test('a charset beside application/json is fine, a compressed body is not', async () => {
  const app = createApp(fakeDeps())
  const body = JSON.stringify({ txHash: knownHash })
  const plain = await app.request('/v1/deposits', {
    method: 'POST',
    headers: { 'Content-Type': 'Application/JSON; charset=utf-8' },
    body,
  })
  const compressed = await app.request('/v1/deposits', {
    method: 'POST',
    headers: { ...json, 'Content-Encoding': 'gzip' },
    body,
  })
  expect(plain.status).toBe(200)
  expect(await statusAndCode(compressed)).toEqual([415, 'unsupported_media_type'])
})

test('a body of 10 MB is 413, with or without its length told (case 50)', async () => {
  const app = createApp(fakeDeps())
  const body = Buffer.alloc(10 * 1024 * 1024, ' ')
  const told = await app.request('/v1/deposits', {
    method: 'POST',
    headers: { ...json, 'Content-Length': String(body.length) },
    body,
  })
  const untold = await app.request('/v1/deposits', { method: 'POST', headers: json, body })
  expect(await statusAndCode(told)).toEqual([413, 'body_too_large'])
  expect(await statusAndCode(untold)).toEqual([413, 'body_too_large'])
})

test('JSON 10 000 deep is refused at once, wherever it hides (case 50)', async () => {
  const app = createApp(fakeDeps())
  const deep = '['.repeat(10_000) + ']'.repeat(10_000)
  const startedAtMs = performance.now()
  for (const [path, body] of [
    ['/v1/deposits', deep],
    ['/v1/deposits', `{"txHash":${deep}}`],
    ['/graphql', `{"query":"{ a }","variables":{"x":${deep}}}`],
  ] as const) {
    const answer = await app.request(path, { method: 'POST', headers: json, body })
    expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  }
  expect(performance.now() - startedAtMs).toBeLessThan(3_000)
})

const keyed = { ...json, Authorization: `Bearer ${adminKey}`, 'Idempotency-Key': 'k' }

test.each([
  ['NaN'],
  ['Infinity'],
  ['-Infinity'],
  ['1e309'],
  ['1e3'],
  ['-0'],
  ['0'],
  ['0.000000'],
  [`0.${'1'.repeat(30)}`],
  ['0.0000001'],
  ['+5'],
  ['5.'],
  ['.5'],
  ['05'],
  [' 5'],
  ['5 '],
  ['1,000'],
  ['0x10'],
  ['٣'],
  [''],
  ['--5'],
  ['150119988'],
  ['9'.repeat(400)],
  [5],
  [null],
  [['5']],
  [true],
])('an adjustment of %j minutes is 422 and posts nothing (case 46)', async (minutes) => {
  const deps = fakeDeps()
  const body = JSON.stringify({ wallet, minutes, reason: 'x' })
  const answer = await createApp(deps).request('/v1/admin/adjustments', {
    method: 'POST',
    headers: keyed,
    body,
  })
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

test.each([
  { wallet, minutes: '5' },
  { wallet, minutes: '5', reason: '' },
  { wallet, minutes: '5', reason: '  \t ' },
  { wallet, minutes: '5', reason: 'x'.repeat(501) },
  { wallet, minutes: '5', reason: 'a\0b' },
  { wallet, minutes: '5', reason: 'a\ud800b' },
  { wallet, minutes: '5', reason: 'x', idempotencyKey: 'y' },
  { wallet: `${wallet}0`, minutes: '5', reason: 'x' },
  { wallet: null, minutes: '5', reason: 'x' },
  { minutes: '5', reason: 'x' },
])('an adjustment %j is 422 and posts nothing', async (body) => {
  const deps = fakeDeps()
  const answer = await createApp(deps).request('/v1/admin/adjustments', {
    method: 'POST',
    headers: keyed,
    body: JSON.stringify(body),
  })
  expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

test('an adjustment needs an Idempotency-Key of 1 to 255 visible characters', async () => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const request = (key: Record<string, string>) =>
    app.request('/v1/admin/adjustments', {
      method: 'POST',
      headers: { ...json, Authorization: `Bearer ${adminKey}`, ...key },
      body: JSON.stringify({ wallet, minutes: '5', reason: 'x' }),
    })

  expect(await statusAndCode(await request({}))).toEqual([400, 'idempotency_key_required'])
  expect(await statusAndCode(await request({ 'Idempotency-Key': '' }))).toEqual([
    400,
    'idempotency_key_required',
  ])
  for (const key of ['x'.repeat(256), 'a b', 'é']) {
    expect(await statusAndCode(await request({ 'Idempotency-Key': key }))).toEqual([422, 'invalid_request'])
  }
  expect(deps.asked).toEqual([])
  expect((await request({ 'idempotency-key': 'x'.repeat(255) })).status).toBe(200)
})

const serviceReads = [
  ['GET', `/v1/accounts/${wallet}/balance`],
  ['GET', `/v1/accounts/${wallet}/deposits`],
  ['GET', `/v1/accounts/${wallet}/ledger`],
  ['GET', `/v1/accounts/${wallet}/sessions`],
  ['GET', '/v1/volumes/stored'],
] as const
const serviceWrites = [
  ['POST', '/v1/sessions'],
  ['POST', '/v1/sessions/running/heartbeat'],
  ['POST', '/v1/sessions/running/release'],
  ['POST', '/v1/heartbeats'],
  ['PUT', '/v1/volumes/stored'],
  ['DELETE', '/v1/volumes/stored'],
] as const
const adminRoutes = [
  ['GET', '/v1/admin/deposits'],
  ['POST', '/v1/admin/adjustments'],
] as const
const walletRoutes = [
  ['GET', '/v1/balance'],
  ['GET', '/v1/deposits'],
  ['GET', '/v1/events'],
  ['GET', '/v1/ledger'],
  ['GET', '/v1/sessions'],
  ['POST', '/v1/auth/logout'],
] as const

test.each([...serviceReads, ...serviceWrites, ...adminRoutes, ...walletRoutes])(
  '%s %s answers nobody without the right key (case 48)',
  async (method, path) => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const authorizations = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer wrong-key-of-at-least-32-characters!',
      `Bearer ${serviceKey}x`,
      `Bearer ${adminKey.slice(0, -1)}`,
      `Bearer ${adminKey.toUpperCase()}`,
      `Bearer ${serviceKey} ${adminKey}`,
      `Bearer ${walletToken}x`,
      `Basic ${walletToken}`,
      walletToken,
      `Basic ${Buffer.from(`admin:${adminKey}`).toString('base64')}`,
      adminKey,
    ]
    for (const authorization of authorizations) {
      const headers = authorization === undefined ? {} : { Authorization: authorization }
      const answer = await app.request(path, { method, headers })
      expect(answer.headers.get('WWW-Authenticate')).toMatch(/^Bearer realm=/)
      expect(await statusAndCode(answer)).toEqual([401, 'unauthorized'])
    }
    for (const secret of [adminKey, walletToken]) {
      const inQuery = await app.request(`${path}?access_token=${secret}&key=${secret}`, { method })
      expect(await statusAndCode(inQuery)).toEqual([401, 'unauthorized'])
      const inCookie = await app.request(path, { method, headers: { Cookie: `token=${secret}` } })
      expect(await statusAndCode(inCookie)).toEqual([401, 'unauthorized'])
    }
    expect(deps.asked).toEqual([])
  },
)

const tokens = { 'the service key': serviceKey, 'the admin key': adminKey, "a wallet's token": walletToken }
const wrongKinds = [
  ...adminRoutes.map((route) => ['the service key', ...route] as const),
  ...[...serviceReads, ...serviceWrites, ...adminRoutes].map(
    (route) => ["a wallet's token", ...route] as const,
  ),
  ...walletRoutes.map((route) => ['the service key', ...route] as const),
  ...walletRoutes.map((route) => ['the admin key', ...route] as const),
]

test.each(wrongKinds)(
  '%s is 403 on %s %s, before the body is looked at (case 48)',
  async (kind, method, path) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request(path, {
      method,
      headers: { Authorization: `Bearer ${tokens[kind]}` },
    })
    expect(answer.headers.get('WWW-Authenticate')).toMatch(/error="insufficient_scope"$/)
    expect(await statusAndCode(answer)).toEqual([403, 'forbidden'])
    expect(deps.asked).toEqual([])
  },
)

test.each(serviceReads)('the admin key may do what the service may on %s %s', async (_, path) => {
  const answer = await createApp(fakeDeps()).request(path, {
    headers: { Authorization: `bearer ${adminKey}` },
  })
  expect(answer.status).toBe(200)
})

test('a bad bearer on a public route is ignored', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/config', {
    headers: { Authorization: 'Bearer nonsense' },
  })
  expect(answer.status).toBe(200)
})

test('an unknown path is 404, a known path with another method 405 with Allow', async () => {
  const app = createApp(fakeDeps())
  expect(await statusAndCode(await app.request('/v1/nothing'))).toEqual([404, 'not_found'])
  expect(await statusAndCode(await app.request('/v1/deposits/'))).toEqual([404, 'not_found'])
  const wrong = await app.request('/v1/heartbeats')
  expect(wrong.headers.get('Allow')).toBe('POST')
  expect(await statusAndCode(wrong)).toEqual([405, 'method_not_allowed'])
  const removed = await app.request('/v1/config', { method: 'DELETE' })
  expect(removed.headers.get('Allow')).toBe('GET, HEAD')
  expect(await statusAndCode(removed)).toEqual([405, 'method_not_allowed'])
  // A 404 of a route's own is not taken for a wrong method.
  const unknown = await app.request(`/v1/transactions/${unknownHash}`)
  expect(await statusAndCode(unknown)).toEqual([404, 'transaction_not_found'])
})

test('HEAD answers as GET does, without a body', async () => {
  const answer = await createApp(fakeDeps()).request('/v1/config', { method: 'HEAD' })
  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('')
})

test('an unexpected error is 500 without internals, and in the log without secrets (case 54)', async () => {
  const { metering } = fakeDeps()
  const readAccount = () =>
    Promise.reject(
      new Error(`https://rpc.example/secret-key and postgres://u:p4ss@db said no to ${serviceKey}`),
    )
  const deps = fakeDeps({ metering: { ...metering, readAccount } })
  const answer = await createApp(deps).request(`/v1/accounts/${wallet}/balance`, {
    headers: { Authorization: `Bearer ${serviceKey}` },
  })

  expect(answer.status).toBe(500)
  expect(await answer.json()).toEqual({
    type: '/problems/internal_error',
    title: problems.internal_error.title,
    status: 500,
    code: 'internal_error',
    detail: 'Something broke on our side. It is in our log.',
  })
  const log = deps.logged.join('')
  expect(log).toContain('said no')
  for (const secret of ['secret-key', 'p4ss', serviceKey]) expect(log).not.toContain(secret)
})

test('every answer, errors too, tells the browser to load and to keep nothing; no other origin may read', async () => {
  const app = createApp(fakeDeps())
  for (const path of ['/v1/config', '/nowhere', '/v1/transactions/x']) {
    const answer = await app.request(path, { headers: { Origin: 'https://evil.example' } })
    expect(answer.headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(answer.headers.get('X-Frame-Options')).toBe('DENY')
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull()
    expect(answer.headers.get('Strict-Transport-Security')).toBeNull()
  }
})
