import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Address, type Hex, hashMessage } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { checkSignature } from '../../billing/chain/contracts/checkSignature.ts'
import { readAxgtBalancesAt } from '../../billing/chain/contracts/readBalances.ts'
import { readHead } from '../../billing/chain/readHead.ts'
import { createRpcEndpoint, openEndpoints, type RpcEndpoint } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { RpcError, type RpcFailure } from '../../billing/chain/rpc/rpcError.ts'
import { quantity } from '../../billing/chain/rpc/wire.ts'
import { probeTraces } from '../../supervisor/probeTraces.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'

// A JSON-RPC error is that error whatever the HTTP status it comes with, and each has its own consequence; what is no
// JSON-RPC is a failure of the transport. Both over HTTP and over a WebSocket.

const STATUSES = [200, 400, 401, 403, 404, 405, 413, 500]
const SECRET = 'k3y-that-nobody-may-see'

let chain: TestChain
let proxy: RpcProxy

beforeAll(async () => {
  chain = await createChain()
  proxy = await createRpcProxy(chain.rpcUrl)
  await chain.mine(10)
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy.stop()
  await chain.stop()
})

const open = (timeoutMs = 3_000) => createRpcEndpoint(`${proxy.url}/v2/${SECRET}`, { position: 1, timeoutMs })

async function errorOf(request: Promise<unknown>): Promise<RpcError> {
  const error = await request.then(
    () => new Error('was answered'),
    (why: unknown) => why,
  )
  expect(error).toBeInstanceOf(RpcError)
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET)
  return error as RpcError
}

const askNumber = (endpoint: RpcEndpoint) => endpoint.request('eth_blockNumber', [], quantity)

describe.each(STATUSES)('a JSON-RPC error with HTTP %i', (status) => {
  const refuse = (method: string, message: string, code = -32_000) =>
    proxy.respondStatus(method, { status, error: { code, message } })

  it('is that error, asked once, and no trouble', async () => {
    refuse('eth_blockNumber', `no such thing for ${SECRET}`, -32_099)
    proxy.resetCalls()
    const endpoint = open()
    const { failure, message } = await errorOf(askNumber(endpoint))
    expect(failure).toEqual({ kind: 'response', code: -32_099, isRevert: false, isRateLimit: false })
    expect(message).toBe('no such thing for [redacted]')
    expect(proxy.calls.get('eth_blockNumber')).toBe(1)
    expect(endpoint.trouble()).toBeNull()
  })

  it('of a state that is gone: the state is unavailable', async () => {
    refuse('eth_call', 'missing trie node 0xab (path ) state 0xcd is not available')
    const question = {
      chainId: chain.chainId,
      axgtToken: chain.accounts.other,
      holders: [chain.accounts.buyer],
      blockNumber: 3n,
    }
    expect(await readAxgtBalancesAt(open(), question)).toMatchObject({ kind: 'state_unavailable' })
  })

  it('of the finalized block: the chain has none', async () => {
    const { number } = await chain.head()
    const stop = await refuseFinalized(status)
    try {
      const read = await readHead([createRpcEndpoint(stop.url, { position: 1 })], chain.chainId, 6)
      expect(read).toMatchObject({ kind: 'agreed', head: { number, finalizedNumber: 0n }, problem: null })
    } finally {
      stop.server.close()
    }
  })

  it('of a contract that reverts: it has not signed', async () => {
    refuse('eth_call', 'execution reverted', 3)
    const question = {
      signer: chain.accounts.other as Address,
      hash: hashMessage('x'),
      signature: '0x12' as Hex,
    }
    expect(await checkSignature([open()], chain.chainId, question)).toEqual({ kind: 'agreed', value: false })
    await proxy.heal()
    refuse('eth_call', 'the node is not in the mood', -32_000)
    expect(await checkSignature([open()], chain.chainId, question)).toMatchObject({ kind: 'unavailable' })
  })

  it('of traces: only a method that is not there is a refusal', async () => {
    refuse('debug_traceBlockByNumber', 'the method debug_traceBlockByNumber does not exist/is not available')
    expect(await probeTraces([open()], chain.chainId)).toBe('unsupported')
    await proxy.heal()
    refuse('debug_traceBlockByNumber', 'Monthly capacity limit exceeded. Visit the dashboard to upgrade')
    expect(await probeTraces([open()], chain.chainId)).toBe('unknown')
    await proxy.heal()
    expect(await probeTraces([open()], chain.chainId)).toBe('supported')
  })
})

/** A node that refuses the finalized block alone, with that status. */
async function refuseFinalized(status: number): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { id, params } = JSON.parse(body) as { id: number; params: unknown[] }
    if (params[0] === 'finalized') {
      const error = { code: -32_602, message: 'finalized block not found' }
      return response.writeHead(status).end(JSON.stringify({ jsonrpc: '2.0', id, error }))
    }
    const answer = await fetch(chain.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    response.writeHead(200).end(await answer.text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

test.each([401, 403, 404, 405, 413])(
  'HTTP %i without JSON-RPC is a failure of the transport, asked once, and no trouble',
  async (status) => {
    proxy.respondStatus('eth_blockNumber', { status, text: `{"error":"not for ${SECRET}"}` })
    proxy.resetCalls()
    const endpoint = open()
    const { failure, message } = await errorOf(askNumber(endpoint))
    expect(failure).toMatchObject({ kind: 'transport', status, timedOut: false })
    expect(message).toBe(`HTTP ${status}`)
    expect(proxy.calls.get('eth_blockNumber')).toBe(1)
    expect(endpoint.trouble()).toBeNull()
  },
)

test.each([
  ['429', { status: 429, error: { code: 429, message: 'Too Many Requests' } }],
  ['503', { status: 503, error: { code: -32_603, message: 'service unavailable' } }],
  ['200', { status: 200, error: { code: -32_007, message: '15/second request limit reached' } }],
])(
  'a rate limit told in JSON-RPC with HTTP %s is that error, asked again, and trouble',
  async (_name, fault) => {
    proxy.respondStatus('eth_blockNumber', fault)
    proxy.resetCalls()
    const endpoint = open()
    expect((await errorOf(askNumber(endpoint))).failure).toMatchObject({
      kind: 'response',
      isRateLimit: true,
    })
    expect(proxy.calls.get('eth_blockNumber')).toBe(3)
    expect(endpoint.trouble()).toBe(fault.error.message)
  },
)

test.each([429, 500, 502, 503])('HTTP %i once is asked again, and nobody notices', async (status) => {
  proxy.respondStatus('eth_blockNumber', { status }, 1)
  const endpoint = open(10_000)
  expect(await askNumber(endpoint)).toBe((await chain.head()).number)
  expect(endpoint.trouble()).toBeNull()
})

test('an RPC that sends us away for an hour is asked again within seconds', async () => {
  proxy.respondStatus('*', { status: 429, headers: { 'retry-after': '3600' } })
  const endpoint = open(10_000)
  const askedAt = performance.now()
  expect((await errorOf(askNumber(endpoint))).message).toBe('HTTP 429')
  expect(performance.now() - askedAt).toBeLessThan(5_000)
  expect((await errorOf(askNumber(endpoint))).failure).toEqual({ kind: 'backing_off' })
  await proxy.heal()
  await expect
    .poll(() => askNumber(endpoint).catch(() => null), { timeout: 120_000, interval: 100 })
    .toBe((await chain.head()).number)
})

test('an RPC that hangs holds a call up once, not each', async () => {
  proxy.hang()
  const endpoint = open(3_000)
  expect((await errorOf(askNumber(endpoint))).failure).toMatchObject({ kind: 'transport', timedOut: true })
  proxy.resetCalls()
  const startedAt = performance.now()
  const failures = await Promise.all(Array.from({ length: 50 }, () => errorOf(askNumber(endpoint))))
  expect(failures).toHaveLength(50)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  // One tries; the others are not sent to join it.
  expect(proxy.totalCalls()).toBeLessThanOrEqual(2)
})

test('the wait for a turn is part of a call’s time', async () => {
  proxy.hang('eth_blockNumber')
  const endpoint = createRpcEndpoint(proxy.url, { position: 1, timeoutMs: 2_000, concurrency: 1 })
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 10 }, () => errorOf(askNumber(endpoint))))
  expect(performance.now() - startedAt).toBeLessThan(8_000)
})

test('an answer larger than we read is refused as such, and is no trouble', async () => {
  proxy.say('eth_getLogs', 'x'.repeat(65 * 1024 * 1024))
  const endpoint = open(30_000)
  expect((await errorOf(endpoint.request('eth_getLogs', [], z.unknown()))).failure).toEqual({
    kind: 'too_large',
  })
  expect(endpoint.trouble()).toBeNull()
})

describe('over a WebSocket', () => {
  /** A node of our own making. */
  async function serve(
    answer: (request: { id: number; method: string }) => string | null,
    upgradeStatus?: number,
  ) {
    const http = createServer()
    const server = new WebSocketServer({ noServer: true })
    http.on('upgrade', (request, socket, head) => {
      if (upgradeStatus !== undefined) {
        socket.end(`HTTP/1.1 ${upgradeStatus} No\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n`)
        return
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('message', (data) => {
          const said = answer(JSON.parse(String(data)))
          if (said !== null) webSocket.send(said)
        })
      })
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/v2/${SECRET}`
    return {
      endpoint: createRpcEndpoint(url, { position: 1, timeoutMs: 3_000 }),
      close() {
        for (const client of server.clients) client.terminate()
        http.close()
        http.closeAllConnections()
      },
    }
  }

  const result = (id: number, value: unknown) => JSON.stringify({ jsonrpc: '2.0', id, result: value })

  test.each<[string, (id: number) => string, RpcFailure]>([
    [
      'an error',
      (id) =>
        JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_601, message: `${SECRET} not found` } }),
      { kind: 'response', code: -32_601, isRevert: false, isRateLimit: false },
    ],
    [
      'an error that names no request',
      () => JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_700, message: 'parse error' } }),
      { kind: 'response', code: -32_700, isRevert: false, isRateLimit: false },
    ],
    [
      'a revert',
      (id) => JSON.stringify({ jsonrpc: '2.0', id, error: { code: 3, message: 'execution reverted' } }),
      { kind: 'response', code: 3, isRevert: true, isRateLimit: false },
    ],
    ['another shape', (id) => result(id, 'decimal 3'), { kind: 'shape' }],
    ['no result', (id) => JSON.stringify({ jsonrpc: '2.0', id }), { kind: 'shape' }],
    ['too much', (id) => result(id, 'x'.repeat(65 * 1024 * 1024)), { kind: 'too_large' }],
  ])('%s is the same error as over HTTP', async (_name, answer, expected) => {
    const node = await serve(({ id }) => answer(id))
    try {
      const { failure, message } = await errorOf(askNumber(node.endpoint))
      expect(failure).toEqual(expected)
      expect(message).not.toContain(SECRET)
    } finally {
      node.close()
    }
  })

  test('an answer to another request is none', async () => {
    const node = await serve(({ id }) => result(id + 1, '0x5'))
    try {
      expect((await errorOf(askNumber(node.endpoint))).failure).toMatchObject({
        kind: 'transport',
        timedOut: true,
      })
    } finally {
      node.close()
    }
  })

  test('one slow answer does not cut off the others', async () => {
    let asked = 0
    const node = await serve(({ id, method }) => {
      asked += 1
      return method === 'debug_traceTransaction' ? null : result(id, `0x${asked}`)
    })
    try {
      const slow = errorOf(node.endpoint.request('debug_traceTransaction', [], z.unknown()))
      for (let times = 0; times < 3; times++) expect(await askNumber(node.endpoint)).toBe(BigInt(times + 2))
      expect((await slow).failure).toMatchObject({ timedOut: true })
      expect(node.endpoint.trouble()).toBeNull()
    } finally {
      node.close()
    }
  })

  test('429 where it should open, with Retry-After: 3600 → asked again within seconds', async () => {
    const node = await serve(() => null, 429)
    try {
      const { failure } = await errorOf(askNumber(node.endpoint))
      expect(failure).toMatchObject({ kind: 'transport', status: 429 })
      expect(node.endpoint.trouble()).toBe('HTTP 429')
    } finally {
      node.close()
    }
  })
})

test('two doors of one node are one opinion', () => {
  expect(
    openEndpoints(['http://a.example/x', 'ws://a.example/y', 'wss://b.example']).map(({ label }) => label),
  ).toEqual(['rpc 1 (a.example)', 'rpc 2 (b.example)'])
})
