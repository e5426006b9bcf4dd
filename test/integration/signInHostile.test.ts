import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Address, type Hex, padHex } from 'viem'
import { serializeErc6492Signature } from 'viem/utils'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Api } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { createSignIn } from '../../billing/auth/createSignIn.ts'
import { checkSignature } from '../../billing/chain/contracts/checkSignature.ts'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { config, fakeDeps } from '../unit/api/fakeDeps.ts'
import { statusAndCode } from '../unit/api/statusAndCode.ts'

// Contracts and RPCs that say as much as they can: nobody else may have to wait for our only thread. The chain is a process
// of its own, so what is measured here is the service (and what little the test does beside it).

interface EthCall {
  method: string
  params: [{ gas: Hex }]
}

let chain: TestChain
let database: TestDatabase
let relay: { url: string; heard: { request: EthCall; bytes: number }[]; stop(): void }

beforeAll(async () => {
  chain = await createChain()
})
afterAll(() => chain.stop())
beforeEach(async () => {
  database = await createTestDatabase()
  relay = await startRelay(chain.rpcUrl)
})
afterEach(async () => {
  relay.stop()
  await database.drop()
})

/** Passes requests on and notes how long the answers to eth_call are, without reading them. */
async function startRelay(target: string): Promise<typeof relay> {
  const heard: typeof relay.heard = []
  const server: Server = createServer((request, answer) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const body = Buffer.concat(chunks).toString()
      const said = await fetch(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const bytes = Buffer.from(await said.arrayBuffer())
      const parsed = JSON.parse(body) as EthCall
      if (parsed.method === 'eth_call') heard.push({ request: parsed, bytes: bytes.byteLength })
      answer.writeHead(200, { 'content-type': 'application/json' }).end(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function appOn(rpcUrls: string[]): Api {
  const endpoints = openEndpoints(rpcUrls)
  const [first] = config.chains
  if (first === undefined) throw new Error('no chain')
  return createApp(
    fakeDeps({
      config: {
        ...config,
        rateLimitPerMinute: 100_000,
        chains: [{ ...first, chainId: chain.chainId }],
      },
      signIn: createSignIn(database.sql, {
        publicUrl: config.publicUrl,
        checkSignature: (chainId, question) => checkSignature(endpoints, chainId, question),
      }),
    }),
  )
}

async function post(app: Api, path: string, body: unknown): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  return await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function verifyAs(app: Api, address: Address, signature: Hex) {
  const challenge = await post(app, '/v1/auth/challenge', { address })
  const { message } = (await challenge.json()) as { message: string }
  return statusAndCode(await post(app, '/v1/auth/verify', { message, signature }))
}

const RUNS = 12

/**
 * The longest that the event loop stood still in each of several runs, in milliseconds; of those, the least. A machine that
 * takes its processor away from us spoils some runs; what the request itself costs is in every one.
 */
async function longestPause(run: () => Promise<unknown>): Promise<number> {
  const longest: number[] = []
  // What is compiled and connected at the first time is no part of it.
  await run()
  for (let index = 0; index < RUNS; index++) {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await run()
    await new Promise((resolve) => setTimeout(resolve, 5))
    delay.disable()
    longest.push(delay.max / 1e6)
  }
  return Math.min(...longest)
}

describe('a contract that is asked about a signature', () => {
  const loud = async (bytes: number, reverts: boolean) =>
    (await chain.deploy('LoudSigner', [BigInt(bytes), reverts])).address

  test.each([
    ['answers with 1 MB', false],
    ['reverts with 1 MB', true],
  ])('that %s has one byte of it sent to us, and holds nobody up', async (_, reverts) => {
    const app = appOn([relay.url])
    const signer = await loud(1_000_000, reverts)
    const pause = await longestPause(async () => {
      expect(await verifyAs(app, signer, '0x1234')).toEqual([422, 'signature_invalid'])
    })
    for (const { bytes } of relay.heard) expect(bytes).toBeLessThan(100)
    expect(pause).toBeLessThan(50)
  })

  test('nor does a factory of ERC-6492 that is as loud, before the wallet or in its place', async () => {
    const app = appOn([relay.url])
    const factory = await loud(1_000_000, true)
    const signature = serializeErc6492Signature({ address: factory, data: '0x12345678', signature: '0x' })
    for (const signer of [factory, `0x${'ab'.repeat(20)}` as const]) {
      expect(await verifyAs(app, signer, signature)).toEqual([422, 'signature_invalid'])
    }
    expect(relay.heard.length).toBe(2)
    for (const { bytes } of relay.heard) expect(bytes).toBeLessThan(100)
  })

  test('has little gas: a call never has more than 3 million', async () => {
    const app = appOn([relay.url])
    await verifyAs(app, await loud(64, false), '0x1234')
    const gas = relay.heard.map(({ request }) => Number(request.params[0].gas))
    expect(gas).toEqual([3_000_000])
  })
})

describe('an RPC that answers without measure', () => {
  /** Says the same to eth_call, whatever is asked; everything else is the chain's. */
  async function lyingRpc(answer: string): Promise<{ url: string; sent: () => number; stop(): void }> {
    let sent = 0
    const server = createServer((request, reply) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', async () => {
        const body = Buffer.concat(chunks).toString()
        const { method, id } = JSON.parse(body) as { method: string; id: number }
        const headers = { 'content-type': 'application/json' }
        reply.writeHead(200, headers)
        if (method !== 'eth_call') {
          const said = await fetch(chain.rpcUrl, { method: 'POST', headers, body })
          reply.end(await said.text())
          return
        }
        reply.write(`{"jsonrpc":"2.0","id":${id},`)
        for (const piece of pieces(answer)) {
          if (reply.destroyed) return
          sent += piece.length
          if (!reply.write(piece)) await new Promise((resolve) => setTimeout(resolve, 1))
        }
        reply.end('}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      sent: () => sent,
      stop: () => {
        server.closeAllConnections()
        server.close()
      },
    }
  }

  function* pieces(text: string): Generator<string> {
    for (let from = 0; from < text.length; from += 65_536) yield text.slice(from, from + 65_536)
  }

  const hex = 'ab'.repeat(8 * 1024 * 1024)
  test.each([
    ['a result', `"result":"0x${hex}"`],
    ['an error’s message', `"error":{"code":3,"message":"reverted ${hex}"}`],
    ['an error’s data', `"error":{"code":3,"message":"reverted","data":"0x${hex}"}`],
  ])('%s of 16 MB is not read to its end: the chain is unavailable, nobody is held up', async (_, answer) => {
    const lying = await lyingRpc(answer)
    try {
      const app = appOn([lying.url])
      const pause = await longestPause(async () => {
        expect(await verifyAs(app, padHex('0xabc', { size: 20 }), '0x1234')).toEqual([
          503,
          'chain_unavailable',
        ])
      })
      expect(pause).toBeLessThan(50)
      expect(lying.sent()).toBeLessThan((RUNS + 1) * 8 * 1024 * 1024)
    } finally {
      lying.stop()
    }
  })
})

test('a body that is as large as may be, in signatures, texts and nesting, holds nobody up', async () => {
  const app = appOn([relay.url])
  const bodies = [
    { message: 'm', signature: `0x${'a'.repeat(60_000)}` },
    { message: 'm', signature: `0x${'z'.repeat(60_000)}` },
    { message: 'm'.repeat(60_000), signature: '0x' },
    Object.fromEntries(Array.from({ length: 6_000 }, (_, index) => [`k${index}`, 0])),
    Array.from({ length: 30_000 }, () => 0),
  ]
  for (const body of bodies) {
    const pause = await longestPause(async () => {
      expect((await post(app, '/v1/auth/verify', body)).status).toBe(422)
    })
    expect(pause).toBeLessThan(50)
  }
})
