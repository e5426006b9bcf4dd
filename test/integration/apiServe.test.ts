import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { AppDeps } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { type Serving, serve } from '../../billing/api/serve.ts'
import { account, fakeDeps, knownHash, serviceKey, wallet } from '../unit/api/fakeDeps.ts'
import { statusAndCode } from '../unit/api/statusAndCode.ts'

const serving: Serving[] = []
afterEach(async () => {
  await Promise.all(serving.splice(0).map((server) => server.close()))
})

async function served(overrides: Partial<AppDeps> = {}): Promise<Serving> {
  const server = await serve(createApp(fakeDeps(overrides)), { host: '127.0.0.1', port: 0 })
  serving.push(server)
  return server
}

/** Speaks raw HTTP and gives back all that comes until the other side closes, or until `enough` is in it. */
function raw(url: string, text: string, enough = /$^/): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let seen = ''
    socket.setTimeout(10_000, () => {
      socket.destroy()
      reject(new Error(`nothing more came after ${JSON.stringify(seen)}`))
    })
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
      if (enough.test(seen)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(seen))
    socket.write(text)
  })
}

test('a real socket is limited by its own address, whatever it forges', async () => {
  const deps = fakeDeps()
  const { url } = await served({ config: { ...deps.config, rateLimitPerMinute: 2 } })
  const statuses: number[] = []
  for (const forged of ['1.1.1.1', '2.2.2.2', '3.3.3.3']) {
    const answer = await fetch(`${url}/v1/quotes?rail=eth:1`, { headers: { 'X-Forwarded-For': forged } })
    statuses.push(answer.status)
  }
  expect(statuses).toEqual([200, 200, 429])
})

test('a body of 10 MB is refused and the service lives on (case 50)', async () => {
  const { url } = await served()
  const body = `{"txHash":"${'x'.repeat(10 * 1024 * 1024)}"}`
  const answer = await fetch(`${url}/v1/deposits`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  })
  expect(await statusAndCode(answer)).toEqual([413, 'body_too_large'])
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

test('an endless chunked body is cut off at the limit, not read to its end (case 50)', async () => {
  const { url } = await served()
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
  const head = 'POST /v1/deposits HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  const answer = await raw(url, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`, /body_too_large/)
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

test('a large body without a key is 401 at once', async () => {
  const { url } = await served()
  const answer = await fetch(`${url}/v1/admin/adjustments`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: ' '.repeat(1024 * 1024),
  })
  expect(await statusAndCode(answer)).toEqual([401, 'unauthorized'])
})

test.each([
  [
    'a path with NUL and broken escapes',
    'GET /v1/accounts/%00%ff%/balance HTTP/1.1\r\nHost: x\r\n',
    /^HTTP\/1\.1 40\d /,
  ],
  ['no HTTP', 'nonsense\r\n', /^HTTP\/1\.1 400 /],
  ['headers of 64 KiB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(65_536)}\r\n`, /^HTTP\/1\.1 431 /],
  ['an absolute target', 'GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n', /^HTTP\/1\.1 (200|400|404) /],
  ['a host that is none', 'GET /health/live HTTP/1.1\r\nHost: a b/c?d\r\n', /^HTTP\/1\.1 (200|400) /],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n',
    /^HTTP\/1\.1 400 /,
  ],
])('%s is answered and the service lives on', async (_, request, expected) => {
  const { url } = await served()
  expect(await raw(url, `${request}Connection: close\r\n\r\n`)).toMatch(expected)
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

test.each([
  ['no body at all, as `curl -X POST` sends it', '\r\n'],
  ['a body of no bytes', 'Content-Length: 0\r\n\r\n'],
  ['no chunks', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['{}', 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'],
  [
    '{} in chunks',
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  ],
])('a heartbeat with %s is taken, and the connection goes on', async (_, rest) => {
  const { url } = await served()
  const head = `POST /v1/sessions/running/heartbeat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${serviceKey}\r\n`
  const answers = await raw(url, `${head}${rest}${head}${rest}`, /\{"id".*\{"id"/s)
  expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(2)
})

test.each([
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n', /^HTTP\/1\.1 422 /],
  ['of a told length', 'Content-Length: 7\r\n\r\n{"a":1}', /^HTTP\/1\.1 422 /],
  ['too large, told', 'Content-Length: 999999\r\n\r\n{', /^HTTP\/1\.1 413 /],
  [
    'too large, in chunks',
    `Transfer-Encoding: chunked\r\n\r\n500\r\n${' '.repeat(0x500)}\r\n`,
    /^HTTP\/1\.1 413 /,
  ],
])('a heartbeat with a body %s that it does not take is refused', async (_, rest, expected) => {
  const { url } = await served()
  const head = `POST /v1/sessions/running/heartbeat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${serviceKey}\r\n`
  expect(await raw(url, `${head}Content-Type: application/json\r\n${rest}`, /"code"/)).toMatch(expected)
})

test('HEAD works over a socket, with the length GET would have', async () => {
  const { url } = await served()
  const answer = await fetch(`${url}/v1/config`, { method: 'HEAD' })
  expect(answer.status).toBe(200)
  expect(await answer.text()).toBe('')
})

test('close lets a running request end, and takes no new one', async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let entered = () => {}
  const isRunning = new Promise<void>((resolve) => {
    entered = resolve
  })
  const { metering } = fakeDeps()
  const readAccount = async () => {
    entered()
    await released
    return { ...account, balanceMicros: 1n }
  }
  const server = await served({ metering: { ...metering, readAccount } })
  const running = fetch(`${server.url}/v1/accounts/${wallet}/balance`, {
    headers: { Authorization: `Bearer ${serviceKey}` },
  })
  await isRunning
  const closed = server.close()
  await expect(fetch(`${server.url}/health/live`)).rejects.toThrow()
  release()

  expect(await (await running).json()).toMatchObject({ balanceMicros: '1' })
  const answeredAtMs = performance.now()
  await closed
  // Nor is the connection waited for, which was kept for another request.
  expect(performance.now() - answeredAtMs).toBeLessThan(3_000)
})

test('close cuts a request that does not end, within some 5 s', async () => {
  let entered = () => {}
  const isRunning = new Promise<void>((resolve) => {
    entered = resolve
  })
  const look = () => {
    entered()
    return new Promise<never>(() => {})
  }
  const server = await served({ desk: { look, submit: look } })
  const running = fetch(`${server.url}/v1/transactions/${knownHash}`).catch((error: unknown) => error)
  await isRunning
  const startedAtMs = performance.now()
  await server.close()
  expect(performance.now() - startedAtMs).toBeLessThan(7_000)
  expect(await running).toBeInstanceOf(Error)
})

test('close does not wait for a connection on which nobody has asked anything, as browsers open to be quick', async () => {
  const server = await served()
  const silent = connect(Number(new URL(server.url).port), '127.0.0.1')
  const ended = new Promise((resolve) => silent.on('error', () => {}).on('close', resolve))
  await new Promise((resolve) => silent.on('connect', resolve))
  // Accepted by the server too: one that came after it is answered.
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  const startedAtMs = performance.now()
  await server.close()
  expect(performance.now() - startedAtMs).toBeLessThan(3_000)
  await ended
})

test('a port that is taken is said at once', async () => {
  const { url } = await served()
  const taken = serve(createApp(fakeDeps()), { host: '127.0.0.1', port: Number(new URL(url).port) })
  await expect(taken).rejects.toThrow('EADDRINUSE')
})
