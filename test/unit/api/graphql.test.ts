import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { getIntrospectionQuery } from 'graphql'
import { afterEach, expect, test } from 'vitest'
import { createApp } from '../../../billing/api/createApp.ts'
import { adminKey, fakeDeps } from './fakeDeps.ts'
import { statusAndCode } from './statusAndCode.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** An indexer that answers as told, and remembers what it was asked. */
async function indexerThat(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

function ask(indexerUrl: string | null, body: unknown, headers: Record<string, string> = {}) {
  return createApp(fakeDeps({ indexerUrl: () => indexerUrl })).request('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

test('a query reaches the indexer and nothing else of the request does', async () => {
  let seen: { url: string | undefined; headers: IncomingHttpHeaders; body: string } | undefined
  const url = await indexerThat((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      seen = { url: request.url, headers: request.headers, body }
      response.setHeader('Content-Type', 'application/json')
      response.setHeader('Set-Cookie', 'a=b')
      response.end('{"data":{"transfers":{"items":[]}}}')
    })
  })
  const answer = await ask(
    url,
    {
      query: 'query Q($n: Int) { transfers(limit: $n) { items { id } } }',
      variables: { n: 1 },
      extensions: {},
    },
    { Authorization: `Bearer ${adminKey}`, Cookie: 'c=d', 'X-Forwarded-For': '1.1.1.1', TE: 'trailers' },
  )

  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ data: { transfers: { items: [] } } })
  expect(answer.headers.get('Set-Cookie')).toBeNull()
  expect(seen?.url).toBe('/graphql')
  expect(JSON.parse(seen?.body ?? '')).toEqual({
    query: 'query Q($n: Int) { transfers(limit: $n) { items { id } } }',
    variables: { n: 1 },
  })
  expect(seen?.headers.authorization).toBeUndefined()
  expect(seen?.headers.cookie).toBeUndefined()
  expect(seen?.headers['x-forwarded-for']).toBeUndefined()
})

test("the indexer's own refusal of a query comes back as it is", async () => {
  const url = await indexerThat((_, response) => {
    response.statusCode = 400
    response.end('{"errors":[{"message":"Cannot query field"}]}')
  })
  const answer = await ask(url, { query: '{ nothing }' })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toEqual({ errors: [{ message: 'Cannot query field' }] })
})

test('the introspection query of the usual tools is let through', async () => {
  const url = await indexerThat((_, response) => response.end('{"data":{}}'))
  for (const options of [
    {},
    { inputValueDeprecation: true, specifiedByUrl: true, schemaDescription: true },
  ]) {
    expect((await ask(url, { query: getIntrospectionQuery(options) })).status).toBe(200)
  }
})

const fragmentBomb = [
  ...Array.from({ length: 30 }, (_, n) => `fragment f${n} on T { ...f${n + 1} ...f${n + 1} }`),
  'fragment f30 on T { a }',
  '{ ...f0 }',
].join('\n')
const spread = Array.from({ length: 21 }, () => '...f').join(' ')

test.each([
  ['9 levels', `${'{ a '.repeat(9)}${'}'.repeat(9)}`],
  ['10 000 levels', `${'{a'.repeat(10_000)}`],
  [
    'depth hidden in fragments',
    '{ a { ...f } } fragment f on T { b { c { d { e { ...g } } } } } fragment g on T { h { i { j { k } } } }',
  ],
  ['21 aliases', `{ ${Array.from({ length: 21 }, (_, n) => `a${n}: a`).join(' ')} }`],
  ['21 aliases below one field', `{ a { ${Array.from({ length: 21 }, (_, n) => `a${n}: a`).join(' ')} } }`],
  ['aliases hidden in a fragment', `{ ${spread} } fragment f on T { x: a }`],
  [
    'aliases shared by operations hidden inline',
    `{ ${Array.from({ length: 21 }, () => '... { x: a }').join(' ')} }`,
  ],
  ['2^30 fields by fragments', fragmentBomb],
  ['a fragment that contains itself', '{ ...f } fragment f on T { a { ...f } }'],
  ['two fragments that contain each other', '{ ...f } fragment f on T { ...g } fragment g on T { ...f }'],
  [
    'introspection that multiplies',
    '{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }',
  ],
  ['more than 1000 tokens in one argument', `{ a(x: [${'1 '.repeat(1_001)}]) }`],
  ['a mutation', 'mutation { a }'],
  ['a subscription', 'subscription { a }'],
  ['a schema definition', 'type T { a: Int }'],
  ['no GraphQL', 'select 1'],
  ['nothing', ''],
])('a query with %s is refused before it reaches the indexer (case 51)', async (_, query) => {
  let wasAsked = false
  const url = await indexerThat((_request, response) => {
    wasAsked = true
    response.end('{}')
  })
  const startedAtMs = performance.now()
  expect(await statusAndCode(await ask(url, { query }))).toEqual([422, 'query_refused'])
  expect(performance.now() - startedAtMs).toBeLessThan(3_000)
  expect(wasAsked).toBe(false)
})

test.each([
  ['a batch', [{ query: '{ a }' }]],
  ['no query', {}],
  ['a number', { query: 5 }],
  ['an unknown field', { query: '{ a }', id: 1 }],
  ['carrying __proto__ to the indexer', { query: '{ a }', variables: JSON.parse('{"__proto__":{"x":1}}') }],
])('a body that is %s is 422', async (_, body) => {
  expect(await statusAndCode(await ask(null, body))).toEqual([422, 'invalid_request'])
})

test('a body above 32 KiB is 413', async () => {
  expect(await statusAndCode(await ask(null, { query: ' '.repeat(33_000) }))).toEqual([413, 'body_too_large'])
})

test.each<[string, RequestListener]>([
  ['breaks', (_, response) => response.writeHead(500).end('{}')],
  ['answers HTML', (_, response) => response.end('<html>')],
  ['answers no object', (_, response) => response.end('[]')],
  [
    'truncates its answer',
    (_, response) =>
      response.writeHead(200, { 'Content-Length': '50' }).write('{"data":', () => response.destroy()),
  ],
  [
    'redirects',
    ({ url }, response) =>
      url === '/graphql'
        ? response.writeHead(302, { Location: '/elsewhere' }).end()
        : response.end('{"data":{}}'),
  ],
  ['hangs up', (request) => request.socket.destroy()],
])('503 when the indexer %s', async (_, behaviour) => {
  const answer = await ask(await indexerThat(behaviour), { query: '{ a }' })
  expect(answer.headers.get('Retry-After')).toBe('5')
  expect(await statusAndCode(answer)).toEqual([503, 'indexer_unavailable'])
})

test('503 when there is no indexer, and when nothing listens where it should be', async () => {
  const url = await indexerThat(() => {})
  for (const cleanup of cleanups.splice(0)) cleanup()
  expect(await statusAndCode(await ask(null, { query: '{ a }' }))).toEqual([503, 'indexer_unavailable'])
  expect(await statusAndCode(await ask(url, { query: '{ a }' }))).toEqual([503, 'indexer_unavailable'])
})
