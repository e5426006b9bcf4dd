import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { callApi } from '../../../panel/api/callApi.ts'
import { doubtReachable, reachable } from '../../../panel/api/reachable.ts'
import { waitUntil } from '../../support/waitUntil.ts'

// A real server; only the page's own origin, which Node has none of, is put in front of the paths.

let server: Server
let answer: RequestListener
const seen: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = []

beforeEach(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
      answer(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const real = globalThis.fetch
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => real(new URL(path, origin), init))
  seen.length = 0
  reachable.value = true
})

afterEach(async () => {
  vi.unstubAllGlobals()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const isAway = () => waitUntil(() => !reachable.value, { withinMs: 5_000, what: 'a service that is away' })

test('an answer is its value, and the service counts as there', async () => {
  reachable.value = false
  answer = (_request, response) => response.writeHead(202).end('{"outcome":"pending"}')
  expect(await callApi('/v1/deposits', { method: 'POST', body: { txHash: '0x1' }, token: 'secret' })).toEqual(
    {
      kind: 'ok',
      status: 202,
      value: { outcome: 'pending' },
    },
  )
  expect(reachable.value).toBe(true)
  expect(seen[0]).toMatchObject({
    method: 'POST',
    url: '/v1/deposits',
    headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
    body: '{"txHash":"0x1"}',
  })
})

test('a query is encoded, and what is undefined is left out', async () => {
  answer = (_request, response) => response.end('{}')
  await callApi('/v1/quotes', { query: { rail: 'eth:1', amount: undefined, wallet: '0xaa' } })
  expect(seen[0]?.url).toBe('/v1/quotes?rail=eth%3A1&wallet=0xaa')
})

test('204 has no body to be read', async () => {
  answer = (_request, response) => response.writeHead(204).end()
  expect(await callApi('/v1/auth/logout', { method: 'POST' })).toEqual({
    kind: 'ok',
    status: 204,
    value: undefined,
  })
})

test('a problem is told apart by its code, with when to ask again', async () => {
  const problem = {
    type: '/problems/rate_limited',
    title: 'T',
    status: 429,
    code: 'rate_limited',
    detail: 'd',
  }
  answer = (_request, response) =>
    response
      .writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '7' })
      .end(JSON.stringify(problem))
  expect(await callApi('/v1/quotes')).toEqual({ kind: 'problem', problem, retryAfterSeconds: 7 })
  expect(reachable.value).toBe(true)
})

test.each([
  ['a proxy’s own error page', 502, 'text/html', '<h1>Bad gateway</h1>'],
  ['an answer that is not JSON', 200, 'text/html', '<h1>Log in to the hotel</h1>'],
  ['a problem cut in the middle', 503, 'application/problem+json', '{"code":'],
])('%s is no answer of the service', async (_what, status, type, body) => {
  answer = (_request, response) => response.writeHead(status, { 'Content-Type': type }).end(body)
  expect(await callApi('/v1/config')).toEqual({ kind: 'offline' })
  await isAway()
})

test('nobody there is offline, and does not throw', async () => {
  answer = (_request, response) => response.destroy()
  expect(await callApi('/v1/config')).toEqual({ kind: 'offline' })
  await isAway()
})

test('one path that fails does not make the whole service count as away', async () => {
  answer = ({ url }, response) => {
    if (url === '/v1/config') response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
    else response.destroy()
  }
  expect(await callApi('/v1/quotes')).toEqual({ kind: 'offline' })
  await doubtReachable()
  expect(seen.map(({ url }) => url)).toContain('/v1/config')
  expect(reachable.value).toBe(true)
})

test('a call that was called off says nothing about the service', async () => {
  const off = new AbortController()
  answer = () => off.abort()
  expect(await callApi('/v1/quotes', { signal: off.signal })).toEqual({ kind: 'offline' })
  // Had it been doubted, that would have been asked before this.
  answer = (_request, response) => response.end('{}')
  await callApi('/v1/balance')
  expect(seen.map(({ url }) => url)).toEqual(['/v1/quotes', '/v1/balance'])
  expect(reachable.value).toBe(true)
})
