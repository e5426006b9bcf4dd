import { createServer, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createRpcEndpoint, type RpcEndpoint } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { describeRpcFailure } from '../../billing/chain/rpc/rpcError.ts'
import { hash, header, quantity, receipt } from '../../billing/chain/rpc/wire.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { waitUntil } from '../support/waitUntil.ts'

let chain: TestChain
let proxy: RpcProxy

beforeAll(async () => {
  chain = await createChain()
  proxy = await createRpcProxy(chain.rpcUrl)
  await chain.mine(3)
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy.stop()
  await chain.stop()
})

const SECRET = 'k3y-that-nobody-may-see'
const withKey = (url: string) => `${url}/v2/${SECRET}?token=${SECRET}`
/** Anvil's WebSocket is at the root alone. */
const withToken = (url: string) => `${url}/?token=${SECRET}`

function endpointAt(url: string, timeoutMs = 500): RpcEndpoint {
  return createRpcEndpoint(url, { position: 1, timeoutMs })
}

/** Why a request failed, as it would be logged; fails when it did not. Nothing of the URL may be in it. */
async function failureOf(request: Promise<unknown>): Promise<string> {
  const error = await request.then(
    (value) => {
      throw new Error(`was answered: ${JSON.stringify(value, (_key, it) => String(it))}`)
    },
    (reason: unknown) => reason,
  )
  const why = describeRpcFailure(error)
  expect(why).not.toContain(SECRET)
  expect(why).not.toContain('127.0.0.1')
  expect(why).not.toContain('://')
  return why
}

const blockNumber = (endpoint: RpcEndpoint) => endpoint.request('eth_blockNumber', [], quantity)

describe('over HTTP', () => {
  it('answers, checked and parsed, and shows of the URL only the host', async () => {
    const endpoint = endpointAt(withKey(proxy.url))
    expect(await blockNumber(endpoint)).toBe((await chain.head()).number)
    expect(endpoint.label).toBe(`rpc 1 (${new URL(proxy.url).host})`)
  })

  it.each<[string, () => unknown, RegExp]>([
    ['429', () => proxy.respond429(), /^HTTP 429$/],
    ['HTML with status 200', () => proxy.htmlWith200(), /^no JSON \(HTTP 200\)$/],
    ['truncated JSON', () => proxy.truncateJson(), /^no JSON \(HTTP 200\)$/],
    ['headers and then silence', () => proxy.hangAfterHeaders(), /^no answer in time$/],
    ['silence', () => proxy.hang(), /^no answer in time$/],
    ['refused connections', () => proxy.refuseConnections(), /^no connection$/],
    ['a status of its own', () => proxy.respondStatus('*', { status: 418, text: 'tea' }), /^HTTP 418$/],
    ['the id of another request', () => proxy.wrongId(), /^eth_blockNumber was answered in a shape/],
    ['a method that does not exist', () => proxy.without('eth_blockNumber'), /does not exist/],
    [
      'an error object',
      () => proxy.failWith('eth_blockNumber', { code: -32000, message: 'header not found' }),
      /^header not found$/,
    ],
    ['an error of no known shape', () => proxy.failWith('eth_blockNumber', 'odd' as never), /failed$/],
    ['no result', () => proxy.lie('eth_blockNumber', () => undefined), /in a shape/],
    ['null', () => proxy.lie('eth_blockNumber', () => null), /in a shape/],
    ['a number', () => proxy.lie('eth_blockNumber', () => 3), /in a shape/],
    ['a decimal string', () => proxy.lie('eth_blockNumber', () => '3'), /in a shape/],
    ['257 bits', () => proxy.lie('eth_blockNumber', () => `0x1${'0'.repeat(64)}`), /in a shape/],
    ['0x', () => proxy.lie('eth_blockNumber', () => '0x'), /in a shape/],
  ])('takes %s for an error, without the URL, and is well when the RPC is', async (_name, spoil, why) => {
    const endpoint = endpointAt(withKey(proxy.url))
    await spoil()
    expect(await failureOf(blockNumber(endpoint))).toMatch(why)
    await proxy.heal()
    await isWellWithin(endpoint, 30_000)
  })

  it('tries a 429 twice more and then says so: three requests, no storm', async () => {
    proxy.respondStatus('eth_blockNumber', { status: 429 })
    proxy.resetCalls()
    await failureOf(blockNumber(endpointAt(proxy.url, 5_000)))
    expect(proxy.calls.get('eth_blockNumber')).toBe(3)
  })

  it('does not try again what the node refuses', async () => {
    proxy.without('eth_blockNumber')
    proxy.resetCalls()
    await failureOf(blockNumber(endpointAt(proxy.url)))
    expect(proxy.calls.get('eth_blockNumber')).toBe(1)
  })

  it('refuses a block, a receipt, a hash of another shape', async () => {
    const endpoint = endpointAt(proxy.url)
    const block = () => endpoint.request('eth_getBlockByNumber', ['latest', false], header)
    expect((await block()).number).toBe((await chain.head()).number)
    proxy.lie('eth_getBlockByNumber', (result) => ({ ...(result as object), hash: '0x12' }))
    expect(await failureOf(block())).toMatch(/eth_getBlockByNumber was answered in a shape/)
    await proxy.heal()
    const mined = await chain.mineWith(chain.transferEth({ from: chain.accounts.buyer, value: 1n }))
    const ask = () => endpoint.request('eth_getTransactionReceipt', [mined.hashes[0]], receipt)
    expect((await ask()).status).toBe('0x1')
    for (const spoilt of [
      { status: '0x2' },
      { status: true },
      { logs: null },
      { blockHash: 7 },
      { logs: [{}] },
    ]) {
      proxy.lie('eth_getTransactionReceipt', (result) => ({ ...(result as object), ...spoilt }))
      expect(await failureOf(ask())).toMatch(/in a shape/)
      await proxy.heal()
    }
    expect(hash.parse(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`)
  })

  it('does not repeat what a hostile error says beyond 300 characters', async () => {
    proxy.failWith('eth_blockNumber', { code: -32000, message: 'x'.repeat(1_000_000) })
    expect((await failureOf(blockNumber(endpointAt(proxy.url)))).length).toBe(300)
  })

  it('keeps mixed-up answers apart: what belongs to another request is no answer', async () => {
    const endpoint = endpointAt(proxy.url)
    proxy.wrongId('eth_getBlockByNumber')
    const failures = await Promise.all(
      [1, 2].map((number) =>
        failureOf(endpoint.request('eth_getBlockByNumber', [`0x${number}`, false], header)),
      ),
    )
    for (const why of failures) expect(why).toMatch(/in a shape/)
  })

  it('tells of each request whether it was answered', async () => {
    const told: string[] = []
    const endpoint = createRpcEndpoint(proxy.url, {
      position: 1,
      onRequest: ({ method, outcome }) => told.push(`${method} ${outcome}`),
    })
    await blockNumber(endpoint)
    proxy.without('eth_blockNumber')
    await failureOf(blockNumber(endpoint))
    expect(told).toEqual(['eth_blockNumber ok', 'eth_blockNumber error'])
  })
})

describe('over WebSocket', () => {
  it("answers from anvil's own WebSocket, several requests at once, each its own", async () => {
    const endpoint = endpointAt(chain.wsUrl, 5_000)
    const blocks = await Promise.all(
      [1, 2, 3].map((number) => endpoint.request('eth_getBlockByNumber', [`0x${number}`, false], header)),
    )
    expect(blocks.map(({ number }) => number)).toEqual([1n, 2n, 3n])
    await expect(endpoint.request('eth_nothing', [], z.unknown())).rejects.toThrow()
    expect(await blockNumber(endpoint)).toBe((await chain.head()).number)
  })

  it('connects again after its connection was cut', async () => {
    const endpoint = endpointAt(withToken(proxy.wsUrl), 2_000)
    expect(await blockNumber(endpoint)).toBe((await chain.head()).number)
    proxy.cutWebSocket()
    await isWellWithin(endpoint, 30_000)
  })

  it('connects again after the node was away for longer than any client keeps trying, and prints no URL', async () => {
    // Nothing is left to a library that reconnects by itself, and prints.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const endpoint = endpointAt(withToken(proxy.wsUrl), 5_000)
    expect(await blockNumber(endpoint)).toBe((await chain.head()).number)
    await proxy.refuseConnections()
    proxy.cutWebSocket()
    const until = performance.now() + 4_000
    let failures = 0
    while (performance.now() < until || failures < 5) {
      await failureOf(blockNumber(endpoint))
      failures += 1
    }
    await proxy.heal()
    await isWellWithin(endpoint, 30_000)
    expect(printed.mock.calls.flat().map(String)).toEqual([])
    printed.mockRestore()
  })

  it('opens a new connection when the one it has gives no answer any more', async () => {
    const endpoint = endpointAt(withToken(proxy.wsUrl), 500)
    expect(await blockNumber(endpoint)).toBe((await chain.head()).number)
    proxy.silenceWebSocket()
    expect(await failureOf(blockNumber(endpoint))).toBe('no answer in time')
    await proxy.heal()
    await isWellWithin(endpoint, 30_000)
  })

  it('gives up on a server that accepts the connection and says nothing', async () => {
    const server = await listenSilently()
    try {
      const endpoint = endpointAt(
        withKey(`ws://127.0.0.1:${(server.address() as { port: number }).port}`),
        300,
      )
      const failed = failureOf(blockNumber(endpoint))
      await expect(
        waitUntil(() => failed, { withinMs: 10_000, what: 'the request to be given up' }),
      ).resolves.toMatch(/./)
    } finally {
      server.close()
    }
  })
})

/** Asks on, as its users do, until it answers with the chain's head. */
async function isWellWithin(endpoint: RpcEndpoint, withinMs: number): Promise<void> {
  const { number } = await chain.head()
  await waitUntil(async () => (await blockNumber(endpoint)) === number, {
    withinMs,
    what: 'an answer again',
  })
  expect(endpoint.trouble()).toBeNull()
}

/** Accepts TCP and never answers the upgrade. */
async function listenSilently(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    server.once('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = server.close.bind(server)
  server.close = (callback) => {
    server.emit('close')
    return close(callback)
  }
  return server
}
