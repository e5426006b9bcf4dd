import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '../../demo/startAnvil.ts'
import { type DemoFront, startDemoFront } from '../../demo/startDemoFront.ts'
import { freePort } from '../../supervisor/freePort.ts'
import { buildPanel } from '../../supervisor/panel/buildPanel.ts'
import { waitUntil } from '../support/waitUntil.ts'

const panelFolder = fileURLToPath(new URL('../../demo/dist', import.meta.url))

let anvil: Anvil
let service: Server
let front: DemoFront
/** The same place by the address that people are not told. */
let byAddress: string
/** What the service does with the next requests. */
let serve: (request: IncomingMessage, response: ServerResponse) => void

beforeAll(async () => {
  const build = await buildPanel({ mode: 'demo', folder: panelFolder })
  expect(['built', 'fresh']).toContain(build.kind)
  anvil = await startAnvil()
  service = createServer((request, response) => serve(request, response))
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  const serviceUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  front = await startDemoFront({ port: await freePort(), panelFolder, rpcUrl: anvil.rpcUrl, serviceUrl })
  byAddress = front.url.replace('localhost', '127.0.0.1')
})

afterAll(async () => {
  await front?.stop()
  service?.closeAllConnections()
  await new Promise((resolve) => service?.close(resolve))
  await anvil?.stop()
})

const rpc = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  fetch(`${byAddress}/demo/rpc`, { method: 'POST', body, headers })

describe('the front of the demo', () => {
  test('serves the page with the wallet in it, under the policy that production has', async () => {
    const page = await fetch(`${byAddress}/?demo`, { headers: { host: new URL(front.url).host } })
    const html = await page.text()
    const script = /src="(\/assets\/index-[^"]+\.js)"/.exec(html)?.[1]
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/)
    const asset = await fetch(`${byAddress}${script}`)
    expect(asset.headers.get('content-type')).toContain('text/javascript')
    expect(await asset.text()).toContain('installDemoWallet')
  })

  test('leads who types the address to the name that sign-in is for', async () => {
    const { status, headers } = await fetch(`${byAddress}/?demo`, { redirect: 'manual' })
    expect([status, headers.get('location')]).toEqual([302, `${front.url}/?demo`])
  })

  test('hands JSON-RPC through to the chain, and nothing else', async () => {
    const answer = await rpc('{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}')
    expect(await answer.json()).toEqual({ jsonrpc: '2.0', id: 7, result: '0x7a69' })
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    expect((await rpc('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await rpc(`"${'x'.repeat(200_000)}"`)).status).toBe(413)
    expect((await fetch(`${byAddress}/demo/rpc`)).status).toBe(404)
  })

  test('passes method, path, body and key to the service, and the address of the client that it saw', async () => {
    serve = (request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        const { method, url, headers } = request
        response.writeHead(202, { 'content-type': 'application/json', 'retry-after': '3' })
        response.end(JSON.stringify([method, url, headers.authorization, headers['x-forwarded-for'], body]))
      })
    }
    const answer = await fetch(`${byAddress}/v1/deposits?a=1&b=%20`, {
      method: 'POST',
      headers: { authorization: 'Bearer t', 'x-forwarded-for': '6.6.6.6' },
      body: 'text',
    })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([202, '3'])
    expect(await answer.json()).toEqual(['POST', '/v1/deposits?a=1&b=%20', 'Bearer t', '127.0.0.1', 'text'])
  })

  test('passes events on as they happen, and ends the stream behind it when the tab is closed', async () => {
    let stream: ServerResponse | undefined
    let isOver = false
    serve = (_request, response) => {
      stream = response
      response.on('close', () => {
        isOver = true
      })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    }
    const tab = new AbortController()
    const { body } = await fetch(`${byAddress}/v1/events`, { signal: tab.signal })
    const reader = body?.getReader()
    const next = async () => new TextDecoder().decode((await reader?.read())?.value)
    expect(await next()).toBe('data: 1\n\n')
    stream?.write('data: 2\n\n')
    expect(await next()).toBe('data: 2\n\n')
    tab.abort()
    await waitUntil(() => isOver, { withinMs: 5_000, what: 'the end of the stream behind the front' })
  })

  test('says 502 while the service is away', async () => {
    serve = (request) => request.socket.destroy()
    expect((await fetch(`${byAddress}/v1/config`)).status).toBe(502)
  })
})
