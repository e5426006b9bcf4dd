import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../../billing/api/createApp.ts'
import { fakeDeps, serviceKey, wallet } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const authorization = { Authorization: `Bearer ${serviceKey}` }
const post = (body: unknown) => ({
  method: 'POST',
  headers: { ...authorization, 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})
const bare = { method: 'POST', headers: authorization }

const runningJson = {
  id: 'running',
  wallet,
  profile: 'small',
  gpus: 1,
  state: 'running',
  endReason: null,
  startedAt: '2025-01-01T00:00:00.000Z',
  endedAt: null,
  totalBilledMicros: '90000000',
  totalBilledMinutes: '1.5',
}

const heartbeatJson = {
  id: 'running',
  state: 'running',
  endReason: null,
  billedMicros: '30000000',
  billedMinutes: '0.5',
  totalBilledMicros: '90000000',
  totalBilledMinutes: '1.5',
  balanceMicros: '3600000000',
  balanceMinutes: '60',
  low: false,
  graceRemainingSeconds: null,
}

const graceJson = {
  ...heartbeatJson,
  id: 'grace',
  state: 'grace',
  billedMicros: '1',
  billedMinutes: '0',
  totalBilledMicros: '61',
  totalBilledMinutes: '0.000001',
  balanceMicros: '0',
  balanceMinutes: '0',
  low: true,
  graceRemainingSeconds: 7140,
}

const endedJson = {
  ...heartbeatJson,
  id: 'ended',
  state: 'ended',
  endReason: 'heartbeat_timeout',
  billedMicros: '0',
  billedMinutes: '0',
  balanceMicros: '-1',
  balanceMinutes: '-0.000001',
}

describe('POST /v1/sessions', () => {
  test('starts a session on the GPUs of its profile, once for an id', async () => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const body = { wallet: wallet.replace('aa', 'AA'), profile: 'max', id: 'a.b_c:D-9' }
    const created = await app.request('/v1/sessions', post(body))
    const repeated = await app.request('/v1/sessions', post({ wallet, profile: 'small', id: 'running' }))

    expect(created.status).toBe(201)
    expect(await created.json()).toEqual({ ...runningJson, id: 'a.b_c:D-9', profile: 'max', gpus: 8 })
    expect(repeated.status).toBe(200)
    expect(await repeated.json()).toEqual(runningJson)
    expect(deps.asked).toEqual([
      ['start', { id: 'a.b_c:D-9', account: wallet, profile: 'max', gpus: 8 }],
      ['start', { id: 'running', account: wallet, profile: 'small', gpus: 1 }],
    ])
  })

  test('makes a new id where none is given', async () => {
    const app = createApp(fakeDeps())
    const ids: string[] = []
    for (const _ of [1, 2]) {
      const answer = await app.request('/v1/sessions', post({ wallet, profile: 'small' }))
      expect(answer.status).toBe(201)
      ids.push(z.object({ id: z.uuid() }).parse(await answer.json()).id)
    }
    expect(ids[0]).not.toBe(ids[1])
  })

  test('answers 402 without the credit, 409 for an id of another wallet or profile', async () => {
    const app = createApp(fakeDeps())
    const poor = await app.request('/v1/sessions', post({ wallet: `0x${'9'.repeat(40)}`, profile: 'small' }))
    const taken = await app.request('/v1/sessions', post({ wallet, profile: 'small', id: 'taken' }))
    expect(await statusAndCode(poor)).toEqual([402, 'insufficient_credit'])
    expect(await statusAndCode(taken)).toEqual([409, 'session_conflict'])
  })

  test.each(['', 'huge', 'Small', ' small', 'constructor', 'toString', 'hasOwnProperty', '__proto__'])(
    'does not know the profile %j',
    async (profile) => {
      const deps = fakeDeps()
      const answer = await createApp(deps).request('/v1/sessions', post({ wallet, profile }))
      expect(answer.status).toBe(422)
      expect(await answer.json()).toMatchObject({
        code: 'invalid_request',
        faults: [{ in: 'json', path: 'profile', message: 'is not a profile of /v1/config' }],
      })
      expect(deps.asked).toEqual([])
    },
  )

  test.each([
    {},
    { wallet },
    { profile: 'small' },
    { wallet, profile: null },
    { wallet, profile: ['small'] },
    { wallet, profile: 'x'.repeat(10_000) },
    { wallet, profile: 'small', gpus: 1 },
    { wallet, profile: 'small', id: null },
    { wallet, profile: 'small', id: 7 },
    { wallet: wallet.slice(0, -1), profile: 'small' },
    [],
    null,
  ])('refuses the body %j', async (body) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request('/v1/sessions', post(body))
    expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
    expect(deps.asked).toEqual([])
  })

  test('refuses the key __proto__', async () => {
    const body = `{"wallet":"${wallet}","profile":"small","__proto__":{"id":"x"}}`
    const answer = await createApp(fakeDeps()).request('/v1/sessions', { ...post({}), body })
    expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  })
})

/** Ids that no session may have: not of the form, or not to be named by a path. */
const badIds = [
  '',
  ' ',
  '.',
  '..',
  'a b',
  'a/b',
  '../running',
  'a%2fb',
  'running\n',
  'running\0',
  'é',
  '🦊',
  '\ud800',
  'x'.repeat(129),
  'x'.repeat(20_000),
  "' or 1=1 --",
]

test.each(badIds)('no session or volume is started, beaten or stored by the id %j', async (id) => {
  const deps = fakeDeps()
  const app = createApp(deps)
  const answers = [
    await app.request('/v1/sessions', post({ wallet, profile: 'small', id })),
    await app.request('/v1/heartbeats', post({ sessionIds: ['running', id] })),
  ]
  for (const answer of answers) expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
  expect(deps.asked).toEqual([])
})

// The empty one and the dots are other paths; a lone surrogate has no form in a URL.
test.each(badIds.filter((id) => !['', '.', '..', '\ud800'].includes(id)))(
  'no path names a session or a volume by the id %j',
  async (id) => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const named = encodeURIComponent(id)
    const answers = [
      await app.request(`/v1/sessions/${named}/heartbeat`, bare),
      await app.request(`/v1/sessions/${named}/release`, bare),
      await app.request(`/v1/volumes/${named}`, { headers: authorization }),
      await app.request(`/v1/volumes/${named}`, { method: 'DELETE', headers: authorization }),
      await app.request(`/v1/volumes/${named}`, { ...post({ wallet, sizeBytes: 1 }), method: 'PUT' }),
    ]
    for (const answer of answers) expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
    expect(deps.asked).toEqual([])
  },
)

test.each(['a', '...', '-', ':', '0', '__proto__', 'constructor', 'x'.repeat(128)])(
  'the id %s is one like any other',
  async (id) => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const started = await app.request('/v1/sessions', post({ wallet, profile: 'small', id }))
    const unknown = await app.request(`/v1/sessions/${id}/heartbeat`, bare)
    const batch = await app.request('/v1/heartbeats', post({ sessionIds: [id] }))
    expect(await started.json()).toMatchObject({ id })
    expect(await statusAndCode(unknown)).toEqual([404, 'session_not_found'])
    expect(await batch.json()).toEqual({ results: [{ id, error: 'session_not_found' }] })
  },
)

describe('POST /v1/sessions/{id}/heartbeat', () => {
  test.each([
    ['running', heartbeatJson],
    ['grace', graceJson],
    ['ended', endedJson],
  ])('answers what became of one that is %s', async (id, expected) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request(`/v1/sessions/${id}/heartbeat`, bare)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual(expected)
    expect(deps.asked).toEqual([['beat', id]])
  })

  test('is told to come again when too many wait, after a second', async () => {
    const answer = await createApp(fakeDeps()).request('/v1/sessions/overloaded/heartbeat', bare)
    expect(answer.headers.get('Retry-After')).toBe('1')
    expect(await statusAndCode(answer)).toEqual([503, 'overloaded'])
  })

  test('breaks with 500, and bills nothing by itself, when the database does', async () => {
    const { metering } = fakeDeps()
    const beat = () => Promise.reject(new Error('the connection is gone'))
    const answer = await createApp(fakeDeps({ metering: { ...metering, beat } })).request(
      '/v1/sessions/running/heartbeat',
      bare,
    )
    expect(await statusAndCode(answer)).toEqual([500, 'internal_error'])
  })
})

describe.each(['heartbeat', 'release'])('the body of POST /v1/sessions/{id}/%s', (action) => {
  const send = (headers: Record<string, string>, body?: string | Buffer) => {
    const init = { method: 'POST', headers: { ...authorization, ...headers } }
    return createApp(fakeDeps()).request(
      `/v1/sessions/running/${action}`,
      body === undefined ? init : { ...init, body },
    )
  }
  const json = { 'Content-Type': 'application/json' }

  test.each([
    ['is absent', {}, undefined],
    ['is absent, whatever it says it is', json, undefined],
    ['has no bytes, and says so', { ...json, 'Content-Length': '0' }, undefined],
    ['is empty', json, ''],
    ['is {}', json, '{}'],
    ['is {} laid out', json, ' {\n} '],
  ])('%s: fine', async (_, headers: Record<string, string>, body) => {
    expect((await send(headers, body)).status).toBe(200)
  })

  test.each([
    ['{"billedMicros":0}', 422, 'invalid_request'],
    ['{"__proto__":{}}', 422, 'invalid_request'],
    ['[]', 422, 'invalid_request'],
    ['null', 422, 'invalid_request'],
    ['0', 422, 'invalid_request'],
    ['{', 400, 'malformed_json'],
    [' ', 400, 'malformed_json'],
    [`{}${' '.repeat(1024)}`, 413, 'body_too_large'],
  ])('is %s: refused', async (body, status, code) => {
    expect(await statusAndCode(await send(json, body))).toEqual([status, code])
  })

  test('is no JSON by what it says: refused', async () => {
    expect(await statusAndCode(await send({}, Buffer.from('{}')))).toEqual([415, 'unsupported_media_type'])
    const compressed = await send({ ...json, 'Content-Encoding': 'gzip' }, '{}')
    expect(await statusAndCode(compressed)).toEqual([415, 'unsupported_media_type'])
  })
})

describe('POST /v1/heartbeats', () => {
  test('answers in the order asked, unknown ids in their place', async () => {
    const deps = fakeDeps()
    const sessionIds = ['unknown', 'running', 'ended', 'grace']
    const answer = await createApp(deps).request('/v1/heartbeats', post({ sessionIds }))
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({
      results: [{ id: 'unknown', error: 'session_not_found' }, heartbeatJson, endedJson, graceJson],
    })
    expect(deps.asked).toEqual([['beatMany', sessionIds]])
  })

  test('bills an id that comes again once, and tells that bill once', async () => {
    const deps = fakeDeps()
    const sessionIds = ['running', 'no', 'running', 'no', 'running']
    const answer = await createApp(deps).request('/v1/heartbeats', post({ sessionIds }))
    const unknown = { id: 'no', error: 'session_not_found' }
    const again = { ...heartbeatJson, billedMicros: '0', billedMinutes: '0' }
    expect(await answer.json()).toEqual({ results: [heartbeatJson, unknown, again, unknown, again] })
    expect(deps.asked).toEqual([['beatMany', ['running', 'no']]])
  })

  test('are told to come again when too many wait, after a second', async () => {
    const answer = await createApp(fakeDeps()).request(
      '/v1/heartbeats',
      post({ sessionIds: ['running', 'overloaded'] }),
    )
    expect(answer.headers.get('Retry-After')).toBe('1')
    expect(await statusAndCode(answer)).toEqual([503, 'overloaded'])
  })

  test('takes 1000 ids of 128 characters, and not one more', async () => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const sessionIds = Array.from({ length: 1_000 }, (_, n) => String(n).padEnd(128, 'x'))
    const full = await app.request('/v1/heartbeats', post({ sessionIds }))
    const results = z
      .object({ results: z.array(z.object({ id: z.string() })) })
      .parse(await full.json()).results
    expect(results.map(({ id }) => id)).toEqual(sessionIds)

    const tooMany = await app.request('/v1/heartbeats', post({ sessionIds: [...sessionIds, 'y'] }))
    expect(await statusAndCode(tooMany)).toEqual([422, 'invalid_request'])
    const theSame = await app.request('/v1/heartbeats', post({ sessionIds: Array(1_001).fill('y') }))
    expect(await statusAndCode(theSame)).toEqual([422, 'invalid_request'])
    expect(deps.asked).toHaveLength(1)
  })

  test.each([
    { sessionIds: [] },
    { sessionIds: 'running' },
    { sessionIds: null },
    { sessionIds: { 0: 'running', length: 1 } },
    { sessionIds: [['running']] },
    { sessionIds: [null] },
    { sessionIds: [1] },
    { sessionIds: ['running'], action: 'release' },
    {},
    ['running'],
  ])('refuses the body %j', async (body) => {
    const deps = fakeDeps()
    const answer = await createApp(deps).request('/v1/heartbeats', post(body))
    expect(await statusAndCode(answer)).toEqual([422, 'invalid_request'])
    expect(deps.asked).toEqual([])
  })

  test('names no more than some of many faults', async () => {
    const answer = await createApp(fakeDeps()).request(
      '/v1/heartbeats',
      post({ sessionIds: Array(1_000).fill('a b') }),
    )
    const { faults } = z.object({ faults: z.array(z.unknown()) }).parse(await answer.json())
    expect(faults).toHaveLength(20)
  })

  test('refuses a body of more than 256 KiB', async () => {
    const answer = await createApp(fakeDeps()).request('/v1/heartbeats', {
      ...post({}),
      body: `{"sessionIds":["a"]${' '.repeat(256 * 1024)}}`,
    })
    expect(await statusAndCode(answer)).toEqual([413, 'body_too_large'])
  })
})

describe('POST /v1/sessions/{id}/release', () => {
  test('ends a session and answers as a heartbeat does; one that has ended stays as it ended', async () => {
    const deps = fakeDeps()
    const app = createApp(deps)
    const released = await app.request('/v1/sessions/grace/release', bare)
    const ended = await app.request('/v1/sessions/ended/release', bare)
    expect(released.status).toBe(200)
    expect(await released.json()).toEqual({
      ...graceJson,
      state: 'ended',
      endReason: 'released',
      graceRemainingSeconds: null,
    })
    expect([ended.status, await ended.json()]).toEqual([200, endedJson])
    expect(deps.asked).toEqual([
      ['release', 'grace'],
      ['release', 'ended'],
    ])
  })

  test('does not know an id that was never started', async () => {
    const answer = await createApp(fakeDeps()).request('/v1/sessions/unknown/release', bare)
    expect(await statusAndCode(answer)).toEqual([404, 'session_not_found'])
  })
})
