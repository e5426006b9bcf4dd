import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createApp } from '../../../billing/api/createApp.ts'
import { problems } from '../../../billing/api/problems.ts'
import {
  adminKey,
  failedHash,
  fakeDeps,
  knownHash,
  pendingHash,
  serviceKey,
  unknownHash,
  wallet,
  walletToken,
} from './fakeDeps.ts'

const jsonSchema = z.record(z.string(), z.unknown())
const content = z.record(z.string(), z.object({ schema: jsonSchema }))
const documentSchema = z.object({
  openapi: z.string(),
  components: z.object({ schemas: z.record(z.string(), jsonSchema) }),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string(),
        tags: z.array(z.string()),
        security: z.array(jsonSchema).optional(),
        parameters: z
          .array(z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']), schema: jsonSchema }))
          .optional(),
        requestBody: z.object({ content }).optional(),
        responses: z.record(z.string(), z.object({ description: z.string(), content: content.default({}) })),
      }),
    ),
  ),
})
type Operation = z.infer<typeof documentSchema>['paths'][string][string]

/** What the document leaves out: pages and files for browsers, and itself. */
const undocumented = /^\/(docs(\/.*)?|assets\/.*|openapi\.json)?$/

const app = createApp(unlimited())
let document: z.infer<typeof documentSchema>
let operations: { method: string; path: string; operation: Operation }[]

beforeAll(async () => {
  document = documentSchema.parse(await (await app.request('/openapi.json')).json())
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
})

function unlimited() {
  const deps = fakeDeps()
  return {
    ...deps,
    config: { ...deps.config, rateLimitPerMinute: 1_000_000_000 },
    // A stream has no end that could be waited for: here there is none to be had.
    events: { ...deps.events, feed: { ...deps.events.feed, stopped: AbortSignal.abort() } },
  }
}

test('every route that is served is in the document, and the other way round', () => {
  const served = app.routes
    .filter(({ method, path }) => method !== 'ALL' && !undocumented.test(path))
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:([^/]+)/g, '{$1}')}`)
  const documented = operations.map(({ method, path }) => `${method} ${path}`)

  expect(document.openapi).toBe('3.1.0')
  expect(new Set(served)).toEqual(new Set(documented))
  expect(documented.toSorted()).toEqual([
    'delete /v1/volumes/{id}',
    'get /health/live',
    'get /health/ready',
    'get /metrics',
    'get /problems/{code}',
    'get /v1/accounts/{address}/balance',
    'get /v1/accounts/{address}/deposits',
    'get /v1/accounts/{address}/ledger',
    'get /v1/accounts/{address}/sessions',
    'get /v1/admin/deposits',
    'get /v1/balance',
    'get /v1/config',
    'get /v1/deposits',
    'get /v1/events',
    'get /v1/ledger',
    'get /v1/prices',
    'get /v1/quotes',
    'get /v1/sessions',
    'get /v1/transactions/{txHash}',
    'get /v1/volumes/{id}',
    'post /graphql',
    'post /v1/admin/adjustments',
    'post /v1/auth/challenge',
    'post /v1/auth/logout',
    'post /v1/auth/verify',
    'post /v1/deposits',
    'post /v1/heartbeats',
    'post /v1/sessions',
    'post /v1/sessions/{id}/heartbeat',
    'post /v1/sessions/{id}/release',
    'put /v1/volumes/{id}',
  ])
})

test('every route with a key says so, and every error of the document is a problem', () => {
  const open =
    /^(get \/(health|metrics|problems|v1\/(config|prices|quotes|transactions))|post \/(graphql|v1\/(deposits|auth\/(challenge|verify))))/
  for (const { method, path, operation } of operations) {
    expect(operation.security === undefined, path).toBe(open.test(`${method} ${path}`))
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) < 400 || (path === '/health/ready' && status === '503')) continue
      expect(Object.keys(response.content), `${path} ${status}`).toContain('application/problem+json')
    }
  }
})

test('no schema is put together from closed ones: nothing could match both', () => {
  expect(JSON.stringify(document)).not.toContain('"allOf"')
})

test('every problem that can occur is in the document', () => {
  const text = JSON.stringify(document)
  for (const code of Object.keys(problems)) {
    // These two say that there is no such route, so no route can declare them.
    if (code !== 'method_not_allowed') expect(text).toContain(`\`${code}\``)
  }
})

/** Values that mean something here, beside anything at all. */
const telling = [
  wallet,
  wallet.toUpperCase(),
  knownHash,
  pendingHash,
  failedHash,
  unknownHash,
  'eth:1',
  'usdc:1',
  'axgt:1',
  '0.0005',
  '1',
  '1735689600',
  '2025-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '-1.5',
  '0',
  '200',
  'held',
  'below_minimum',
  Buffer.from('of another list').toString('base64url'),
  'MTAw',
  '{ a }',
  'rate_limited',
  '__proto__',
  'constructor',
  '\0',
  '🦊',
  ' ',
]
const tellingByName: Record<string, string[]> = {
  address: [wallet],
  wallet: [wallet],
  txHash: [knownHash, pendingHash, failedHash, unknownHash],
  rail: ['eth:1', 'usdc:1'],
  amount: ['0.0005', '1'],
  minutes: ['60', '0.000001'],
  from: ['1735689600', '2025-01-01T00:00:00Z'],
  to: ['1735689601', '2025-01-01T01:00:00.5+01:00'],
  limit: ['1', '200'],
  cursor: ['MTAw'],
  state: ['held'],
  reason: ['below_minimum'],
  code: ['rate_limited'],
  id: ['running', 'grace', 'stored', 'unknown', 'overloaded', 'taken'],
}
const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...telling) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
)
const field = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: fc.jsonValue() }, fc.integer())
const fieldName = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'txHash',
      'chainId',
      'wallet',
      'minutes',
      'reason',
      'query',
      'variables',
      'id',
      'profile',
      'sessionIds',
      'sizeBytes',
      'address',
      'message',
      'signature',
    ),
  },
  { weight: 1, arbitrary: text },
)
const tellingBodies: Record<string, unknown[]> = {
  '/v1/deposits': [{ txHash: knownHash }, { txHash: pendingHash, chainId: 1 }, { txHash: unknownHash }],
  '/v1/admin/adjustments': [{ wallet, minutes: '-1.5', reason: '🦊' }],
  '/v1/sessions': [
    { wallet, profile: 'small' },
    { wallet, profile: 'max', id: 'running' },
    { wallet, profile: 'small', id: 'taken' },
    { wallet: `0x${'9'.repeat(40)}`, profile: 'small' },
    { wallet, profile: 'constructor' },
  ],
  '/v1/sessions/{id}/heartbeat': [{}],
  '/v1/sessions/{id}/release': [{}],
  '/v1/heartbeats': [{ sessionIds: ['running', 'unknown', 'running', 'grace', 'ended'] }, { sessionIds: [] }],
  '/v1/volumes/{id}': [
    { wallet, sizeBytes: 0 },
    { wallet, sizeBytes: '9223372036854775807' },
    { wallet, sizeBytes: 0.5 },
  ],
  '/v1/auth/challenge': [
    { address: wallet },
    { address: wallet, chainId: 1 },
    { address: wallet, chainId: 2 },
  ],
  '/v1/auth/verify': [
    { message: 'good', signature: '0x01' },
    { message: 'good', signature: '0x' },
    { message: 'used', signature: '0x01' },
  ],
  '/v1/auth/logout': [{}],
  '/graphql': [{ query: '{ a }' }, { query: '{ a', variables: {} }],
}
const anyBody = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.dictionary(fieldName, field, { maxKeys: 3 }).map((value) => JSON.stringify(value)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)
const body = fc.oneof(
  fc.nat().map((fitting) => ({ fitting })),
  anyBody.map((any) => ({ any })),
)
const request = fc.record({
  /** Taken for the operation's parameters in turn: a value that fits the name, any text, or none. */
  parameters: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.nat().map((fitting) => ({ fitting })) },
      { weight: 2, arbitrary: text.map((any) => ({ any })) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    { minLength: 5, maxLength: 5 },
  ),
  body,
  /** Mostly the one that lets in, so that the fuzz gets through to the handlers. */
  key: fc.constantFrom('fitting', 'fitting', 'fitting', 'fitting', adminKey, walletToken, 'wrong', undefined),
  idempotencyKey: fc.option(fc.stringMatching(/^[\x21-\x7e]{1,20}$/), { freq: 4, nil: undefined }),
  contentType: fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain'),
})

/**
 * Each operation asked with the nth fitting value of everything that it takes, for every n, and with each parameter left out
 * in turn (some exclude each other). Chance alone may leave an operation out: where one id among six is of a volume that is
 * there, and key, parameters and body must all fit.
 */
function fittingRequests(): [number, FuzzRequest][] {
  const choices = [...Object.values(tellingByName), ...Object.values(tellingBodies)]
  const most = Math.max(...choices.map(({ length }) => length))
  return operations.flatMap(({ operation }, pick) =>
    [...Array(most).keys()].flatMap((fitting) =>
      [null, ...(operation.parameters ?? []).keys()].map((leftOut): [number, FuzzRequest] => [
        pick,
        {
          parameters: [...Array(5).keys()].map((index) => (4 - index === leftOut ? null : { fitting })),
          body: { fitting },
          key: 'fitting',
          idempotencyKey: `fitting-${fitting}`,
          contentType: 'application/json',
        },
      ]),
    ),
  )
}

test('whatever is sent to any operation, no answer is unexpected and each matches its schema (case 51)', async () => {
  const checked = new Set<string>()
  const fitting = fittingRequests()
  await fc.assert(
    fc.asyncProperty(fc.nat(), request, async (pick, sent) => {
      const target = operations[pick % operations.length]
      if (!target) throw new Error('no operation')
      const answer = await send(target, sent)
      // Indexer and streams are not there in this test, and heartbeats may be too many: saying so is the right answer.
      const mayBeAway = isAway(target.path) || target.path.endsWith('/heartbeat')
      if (!(mayBeAway && answer.status === 503)) expect(answer.status).toBeLessThan(500)
      await expectDocumented(target.operation, answer)
      checked.add(`${target.method} ${target.path} ${answer.status}`)
    }),
    // The fitting ones come first; as many of chance follow as without them.
    { numRuns: 2_500 + fitting.length, examples: fitting },
  )
  // The fuzz is worth something only if it also gets through to the handlers.
  for (const { method, path } of operations) {
    expect(checked).toContain(`${method} ${path} ${passing[`${method} ${path}`] ?? 200}`)
  }
})

/** What operations answer once they are gone through, where it is not 200. */
const passing: Record<string, number> = {
  'post /graphql': 503,
  'get /v1/events': 503,
  'post /v1/sessions': 201,
  'post /v1/auth/logout': 204,
}

const isAway = (path: string) => path === '/graphql' || path === '/v1/events'

function send(target: (typeof operations)[number], sent: FuzzRequest): Promise<Response> {
  const values = [...sent.parameters]
  const query = new URLSearchParams()
  let { path } = target
  for (const parameter of target.operation.parameters ?? []) {
    const value = parameterOf(parameter.name, values.pop() ?? null)
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value || 'x'))
    if (parameter.in === 'query' && value !== null) query.set(parameter.name, value)
  }
  const headers: Record<string, string> = {}
  const key = sent.key === 'fitting' ? fittingKey(target.operation) : sent.key
  if (key) headers.Authorization = `Bearer ${key}`
  if (sent.idempotencyKey) headers['Idempotency-Key'] = sent.idempotencyKey
  const method = target.method.toUpperCase()
  if (method === 'GET') return Promise.resolve(app.request(`${path}?${query}`, { method, headers }))
  headers['Content-Type'] = sent.contentType
  return Promise.resolve(
    app.request(`${path}?${query}`, { method, headers, body: bodyOf(target.path, sent.body) }),
  )
}

function fittingKey({ security }: Operation): string {
  const [scheme] = Object.keys(security?.[0] ?? {})
  return scheme === 'walletToken' ? walletToken : scheme === 'serviceKey' ? serviceKey : adminKey
}

function bodyOf(path: string, choice: FuzzRequest['body']): string {
  if ('any' in choice) return choice.any
  const fitting = tellingBodies[path] ?? []
  return JSON.stringify(fitting[choice.fitting % fitting.length])
}

function parameterOf(name: string, choice: FuzzRequest['parameters'][number]): string | null {
  if (choice === null) return null
  if ('any' in choice) return choice.any
  const fitting = tellingByName[name] ?? []
  return fitting[choice.fitting % fitting.length] ?? null
}

type FuzzRequest = typeof request extends fc.Arbitrary<infer Sent> ? Sent : never

async function expectDocumented(operation: Operation, answer: Response): Promise<void> {
  const mediaType = (answer.headers.get('Content-Type') ?? '').split(';')[0] ?? ''
  const documented = operation.responses[String(answer.status)]
  if (answer.status === 204 && documented && Object.keys(documented.content).length === 0) {
    expect(await answer.text()).toBe('')
    return
  }
  const schema = documented?.content[mediaType]?.schema
  if (!schema) throw new Error(`not documented: ${answer.status} ${mediaType} ${await answer.text()}`)
  validatorOf(schema).parse(await contentOf(answer, mediaType))
}

async function contentOf(answer: Response, mediaType: string): Promise<unknown> {
  if (mediaType.includes('json')) return answer.json()
  // A stream does not end by itself; what it tells is the business of its own test.
  if (mediaType !== 'text/event-stream') return answer.text()
  await answer.body?.cancel()
  return ''
}

const validators = new Map<object, z.ZodType>()

function validatorOf(schema: Record<string, unknown>): z.ZodType {
  const known = validators.get(schema)
  if (known) return known
  const bundled = JSON.stringify({ ...schema, $defs: document.components.schemas })
  const validator = z.fromJSONSchema(JSON.parse(bundled.replaceAll('#/components/schemas/', '#/$defs/')))
  validators.set(schema, validator)
  return validator
}

test('the check of the fuzz notices an answer that is not as documented', async () => {
  const balance = operations.find(({ path }) => path === '/v1/accounts/{address}/balance')
  if (!balance) throw new Error('no balance operation')
  const good = {
    address: wallet,
    balanceMicros: '1',
    balanceMinutes: '0',
    burnMicrosPerMinute: '0',
    runsOutAt: null,
    low: false,
    graceRemainingSeconds: null,
  }
  const answerOf = (value: unknown, status = 200) =>
    new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } })
  await expectDocumented(balance.operation, answerOf(good))
  for (const bad of [
    { ...good, balanceMicros: 1 },
    { ...good, balanceMicros: '1.5' },
    { ...good, extra: 1 },
    {},
  ]) {
    await expect(expectDocumented(balance.operation, answerOf(bad))).rejects.toThrow()
  }
  await expect(expectDocumented(balance.operation, answerOf(good, 201))).rejects.toThrow('not documented')
})
