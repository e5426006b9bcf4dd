import { createRequire } from 'node:module'
import { createPublicClient, type Hash, http } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createChain, type TestChain, type TestToken } from '../../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../../support/createRpcProxy.ts'
import { waitUntil } from '../../support/waitUntil.ts'

let chain: TestChain
let proxy: RpcProxy
let token: TestToken
let paid: Hash
let paidIn: bigint
beforeAll(async () => {
  chain = await createChain()
  proxy = await createRpcProxy(chain.rpcUrl)
  token = await chain.deployToken('USDC', 6)
  await chain.mineWith(chain.mintToken(token, chain.accounts.buyer, 100n))
  const mined = await chain.mineWith(chain.transferToken({ token, from: chain.accounts.buyer, amount: 60n }))
  paid = mined.hashes[0] as Hash
  paidIn = mined.number
  await chain.mine(9)
})
afterAll(async () => {
  await proxy.stop()
  await chain.stop()
})
afterEach(() => proxy.heal())

let id = 0
async function post(body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(proxy.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  })
}
async function ask(method: string, params: unknown[] = []) {
  const response = await post({ jsonrpc: '2.0', id: ++id, method, params })
  return (await response.json()) as {
    id: number
    result?: unknown
    error?: { code: number; message: string }
  }
}
interface Socket {
  on(event: string, listener: (data: Buffer) => void): void
  send(text: string): void
  close(): void
  readyState: number
}
// Node 20 has no WebSocket of its own; viem brings one, which npm may or may not put at the top.
const WebSocket = createRequire(createRequire(import.meta.url).resolve('viem'))('ws') as new (
  url: string,
) => Socket

async function subscribe(url: string) {
  const socket = new WebSocket(url)
  const heads: string[] = []
  let subscribed = false
  socket.on('error', () => {})
  socket.on('open', () =>
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })),
  )
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString()) as { id?: number; params?: { result: { hash: string } } }
    if (message.id === 1) subscribed = true
    if (message.params) heads.push(message.params.result.hash)
  })
  await waitUntil(() => subscribed, { withinMs: 5_000, what: 'the subscription' })
  return { heads, isOpen: () => socket.readyState === 1, close: () => socket.close() }
}

const hex = (value: bigint) => `0x${value.toString(16)}`

describe('a healthy proxy', () => {
  it('passes calls and batches through and counts them', async () => {
    proxy.resetCalls()
    expect((await ask('eth_chainId')).result).toBe('0x7a69')
    const batch = await post([
      { jsonrpc: '2.0', id: 'a', method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 'b', method: 'net_version' },
    ])
    expect(await batch.json()).toEqual([
      { jsonrpc: '2.0', id: 'a', result: '0x7a69' },
      { jsonrpc: '2.0', id: 'b', result: '31337' },
    ])
    expect(Object.fromEntries(proxy.calls)).toEqual({ eth_chainId: 2, net_version: 1 })
    expect([proxy.totalCalls(), proxy.httpRequests()]).toEqual([3, 2])
  })

  it('passes a WebSocket through, silences it and cuts it', async () => {
    const direct = await subscribe(chain.wsUrl)
    const proxied = await subscribe(proxy.wsUrl)
    const seenByBoth = await chain.mine()
    await waitUntil(() => direct.heads.includes(seenByBoth.hash), { withinMs: 5_000, what: 'the head' })
    await waitUntil(() => proxied.heads.includes(seenByBoth.hash), {
      withinMs: 5_000,
      what: 'the proxied head',
    })
    proxy.silenceWebSocket()
    const seenByOne = await chain.mine()
    await waitUntil(() => direct.heads.includes(seenByOne.hash), { withinMs: 5_000, what: 'the next head' })
    expect(proxied.heads).not.toContain(seenByOne.hash)
    expect(proxied.isOpen()).toBe(true)
    proxy.cutWebSocket()
    await waitUntil(() => !proxied.isOpen(), { withinMs: 5_000, what: 'the cut' })
    direct.close()
  })
})

describe('spoilt transport', () => {
  it('answers 429 for one method and its batch, and leaves others alone', async () => {
    proxy.respond429('eth_blockNumber')
    const refused = await post({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    expect((await ask('eth_chainId')).result).toBe('0x7a69')
    await proxy.heal()
    expect((await ask('eth_blockNumber')).error).toBeUndefined()
  })

  it('answers HTML with status 200', async () => {
    proxy.htmlWith200()
    const response = await post({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('<html>')
  })

  it('cuts JSON in half', async () => {
    proxy.truncateJson()
    await expect(ask('eth_chainId')).rejects.toThrow(SyntaxError)
  })

  it('sends headers and then nothing more', async () => {
    proxy.hangAfterHeaders()
    const response = await post({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' }, AbortSignal.timeout(300))
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('timeout')
  })

  it('refuses connections, and listens on the same port when it heals', async () => {
    await proxy.refuseConnections()
    // The first to find out may be a request on a connection that was open.
    await expect(ask('eth_chainId')).rejects.toThrow('fetch failed')
    await expect(ask('eth_chainId')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    await proxy.heal()
    expect((await ask('eth_chainId')).result).toBe('0x7a69')
  })
})

describe('wrong answers', () => {
  it('answers another id', async () => {
    proxy.wrongId()
    expect((await ask('eth_chainId')).id).not.toBe(id)
  })

  it('does not know a method', async () => {
    proxy.without('debug_traceBlockByNumber')
    expect((await ask('debug_traceBlockByNumber', ['latest'])).error).toMatchObject({ code: -32_601 })
  })

  it('is of another chain', async () => {
    proxy.wrongChainId(5)
    expect((await ask('eth_chainId')).result).toBe('0x5')
  })

  it('has no logs and no receipts', async () => {
    proxy.emptyLogs()
    proxy.nullReceipts()
    expect((await ask('eth_getLogs', [{ fromBlock: '0x0' }])).result).toEqual([])
    expect((await ask('eth_getTransactionReceipt', [paid])).result).toBeNull()
  })

  it('lies about what it is told to lie about, knowing what was asked', async () => {
    proxy.lie('eth_getTransactionByHash', (result, params) => ({ ...(result as object), value: params[0] }))
    expect((await ask('eth_getTransactionByHash', [paid])).result).toMatchObject({ value: paid, hash: paid })
  })
})

describe('a node that lags', () => {
  it('knows nothing above its head: blocks, receipts, logs, traces, state', async () => {
    const head = (await chain.head()).number
    proxy.lagBlocks(Number(head - paidIn + 1n))
    expect((await ask('eth_blockNumber')).result).toBe(hex(paidIn - 1n))
    expect((await ask('eth_getBlockByNumber', ['latest', false])).result).toMatchObject({
      number: hex(paidIn - 1n),
    })
    expect((await ask('eth_getBlockByNumber', [hex(paidIn), false])).result).toBeNull()
    const { hash } = await chain.head()
    expect((await ask('eth_getBlockByHash', [hash, false])).result).toBeNull()
    expect((await ask('eth_getTransactionReceipt', [paid])).result).toBeNull()
    expect((await ask('eth_getTransactionByHash', [paid])).result).toBeNull()
    expect((await ask('eth_getBlockReceipts', [hex(head)])).result).toBeNull()
    const logs = (
      await ask('eth_getLogs', [{ fromBlock: '0x0', toBlock: hex(head), address: token.address }])
    ).result
    expect(logs).toHaveLength(1)
    for (const [method, param] of [
      ['debug_traceBlockByNumber', hex(head)],
      ['debug_traceBlockByHash', hash],
      ['debug_traceTransaction', paid],
    ] as const) {
      expect((await ask(method, [param, { tracer: 'callTracer' }])).error?.message).toBe('header not found')
    }
    expect((await ask('eth_getBalance', [chain.accounts.buyer, hex(head)])).error?.message).toBe(
      'header not found',
    )
  })

  it('answers state as of its own head', async () => {
    const balanceOf = `0x70a08231${chain.accounts.revenue.slice(2).padStart(64, '0')}`
    const call = [{ to: token.address, data: balanceOf }, 'latest']
    expect(BigInt((await ask('eth_call', call)).result as string)).toBe(60n)
    proxy.lagBlocks(Number((await chain.head()).number - paidIn + 1n))
    expect(BigInt((await ask('eth_call', call)).result as string)).toBe(0n)
  })

  it('is as the real node for what is old enough', async () => {
    const before = (await ask('eth_getTransactionReceipt', [paid])).result
    proxy.lagBlocks(3)
    expect((await ask('eth_getTransactionReceipt', [paid])).result).toEqual(before)
  })

  it('has a head that jumps back and forth', async () => {
    const head = (await chain.head()).number
    proxy.headJump(5)
    const heads = []
    for (let i = 0; i < 4; i++) heads.push((await ask('eth_blockNumber')).result)
    expect(heads).toEqual([hex(head - 5n), hex(head), hex(head - 5n), hex(head)])
  })

  it('is a node that viem can work with', async () => {
    const client = createPublicClient({ transport: http(proxy.url), cacheTime: 0 })
    proxy.lagBlocks(2)
    const block = await client.getBlock()
    expect(block.number).toBe((await chain.head()).number - 2n)
    expect((await client.getBlock({ blockTag: 'finalized' })).number).toBeLessThanOrEqual(block.number)
  })
})
