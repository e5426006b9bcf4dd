import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { lagFault } from './lagFault.ts'
import {
  isHit,
  type Respond,
  type RpcError,
  type RpcFault,
  type RpcRequest,
  type RpcResponse,
  type StatusFault,
  type TransportFault,
  withResult,
} from './rpcFault.ts'

/**
 * Starts a JSON-RPC server on 127.0.0.1 that passes everything to a real node, until it is told what to get wrong. Two
 * of them in front of one chain are two RPCs that can disagree.
 */
export async function createRpcProxy(upstreamUrl: string): Promise<RpcProxy> {
  const proxy = new RpcProxy(upstreamUrl)
  await proxy.listen()
  return proxy
}

/**
 * Faults add up and stay until `heal`. They are of HTTP, single calls and batches; the WebSocket is passed through as it
 * is, and can be silenced or cut. Where a fault takes a `method`, the others stay healthy; without one all are hit.
 */
export class RpcProxy {
  readonly #upstreamUrl: string
  readonly #faults: RpcFault[] = []
  readonly #calls = new Map<string, number>()
  readonly #sockets = new Set<Socket>()
  readonly #webSockets = new Set<Duplex>()
  readonly #hanging = new Set<ServerResponse>()
  #httpRequests = 0
  #webSocketSilent = false
  #port = 0
  #server: Server | null = null

  constructor(upstreamUrl: string) {
    this.#upstreamUrl = upstreamUrl
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  /** How often each method was asked for, in batches too, since the start or `resetCalls`. */
  get calls(): ReadonlyMap<string, number> {
    return this.#calls
  }

  totalCalls(): number {
    return [...this.#calls.values()].reduce((sum, count) => sum + count, 0)
  }

  /** However many calls a batch holds, it is one. */
  httpRequests(): number {
    return this.#httpRequests
  }

  resetCalls(): void {
    this.#calls.clear()
    this.#httpRequests = 0
  }

  respond429(method = '*'): void {
    this.#faults.push({ method, transport: '429' })
  }

  /** That HTTP status, with a text or a JSON-RPC error; `times`: for so many answers only. */
  respondStatus(method: string, fault: StatusFault, times?: number): void {
    this.#faults.push({ method, transport: fault, ...(times === undefined ? {} : { times }) })
  }

  /** Takes the request and never answers. */
  hang(method = '*'): void {
    this.#faults.push({ method, transport: 'silence' })
  }

  /** Takes requests of a method, and never answers those that are meant. */
  hangFor(method: string, isMeant: (params: unknown[]) => boolean): void {
    const answer = (request: RpcRequest, respond: Respond): Promise<RpcResponse> =>
      isMeant(request.params ?? []) ? new Promise(() => {}) : respond(request)
    this.#faults.push({ method, answer })
  }

  /** Headers with status 200, a first byte of the body, and then nothing more. */
  hangAfterHeaders(method = '*'): void {
    this.#faults.push({ method, transport: 'hang' })
  }

  htmlWith200(method = '*'): void {
    this.#faults.push({ method, transport: 'html' })
  }

  truncateJson(method = '*'): void {
    this.#faults.push({ method, transport: 'truncate' })
  }

  /** An answer to a question that nobody asked. */
  wrongId(method = '*'): void {
    const answer = async (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      const id = Number(request.id ?? 0) + 1_000_003
      return { ...(await respond(request)), id }
    }
    this.#faults.push({ method, answer })
  }

  failWith(method: string, error: RpcError): void {
    this.#faults.push({ method, answer: async ({ id }) => ({ jsonrpc: '2.0', id, error }) })
  }

  /** The method does not exist on this node. */
  without(method: string): void {
    const message = `the method ${method} does not exist/is not available`
    this.failWith(method, { code: -32_601, message })
  }

  /** Changes what the real node answers. */
  lie(method: string, change: (result: unknown, params: unknown[]) => unknown): void {
    const answer = async (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      const response = await respond(request)
      return withResult(response, change(response.result, request.params ?? []))
    }
    this.#faults.push({ method, answer })
  }

  /** Has something happen, once, when a method is asked for (with parameters that are meant), before the real node answers. */
  before(
    method: string,
    act: () => Promise<unknown>,
    isMeant: (params: unknown[]) => boolean = () => true,
  ): void {
    let acted: Promise<unknown> | null = null
    const answer = async (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      if (!isMeant(request.params ?? [])) return respond(request)
      acted ??= act()
      await acted
      return respond(request)
    }
    this.#faults.push({ method, answer })
  }

  /** Answers by itself, without asking the real node. */
  say(method: string, result: unknown): void {
    this.#faults.push({ method, answer: async ({ id }) => ({ jsonrpc: '2.0', id, result }) })
  }

  /** eth_getLogs for more blocks than that is refused; `blocks` is asked each time, so that it may change. */
  limitLogs(blocks: () => number, refusal: StatusFault = { status: 200 }): void {
    const error = refusal.error ?? { code: -32_005, message: 'query exceeds limit' }
    const answer = async (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      const [filter] = (request.params ?? []) as { fromBlock?: string; toBlock?: string }[]
      const span = Number(BigInt(filter?.toBlock ?? '0x0') - BigInt(filter?.fromBlock ?? '0x0')) + 1
      if (filter?.fromBlock === undefined || span <= blocks()) return respond(request)
      return { jsonrpc: '2.0', id: request.id, error }
    }
    this.#faults.push({ method: 'eth_getLogs', answer, status: refusal.status })
  }

  /** eth_getLogs that finds more than that is refused. */
  limitResults(results: number): void {
    const answer = async (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      const response = await respond(request)
      if (((response.result as unknown[] | undefined) ?? []).length <= results) return response
      const error = { code: -32_005, message: `query returned more than ${results} results` }
      return { jsonrpc: '2.0', id: request.id, error }
    }
    this.#faults.push({ method: 'eth_getLogs', answer })
  }

  /** A node that calls its newest block final. */
  finalizeLatest(): void {
    const answer = (request: RpcRequest, respond: Respond): Promise<RpcResponse> => {
      const [tag, ...rest] = request.params ?? []
      return respond(tag === 'finalized' ? { ...request, params: ['latest', ...rest] } : request)
    }
    this.#faults.push({ method: 'eth_getBlockByNumber', answer })
  }

  emptyLogs(): void {
    this.lie('eth_getLogs', () => [])
  }

  nullReceipts(): void {
    this.lie('eth_getTransactionReceipt', () => null)
    this.lie('eth_getBlockReceipts', () => null)
  }

  wrongChainId(chainId: number): void {
    this.lie('eth_chainId', () => `0x${chainId.toString(16)}`)
    this.lie('net_version', () => String(chainId))
  }

  /** As if the head were that many blocks lower. */
  lagBlocks(blocks: number): void {
    this.#faults.push(lagFault(() => blocks))
  }

  /** Two nodes behind one address, one of them behind by that much: each request meets the one or the other in turn. */
  headJump(blocks: number): void {
    let turn = 0
    this.#faults.push(lagFault(() => (turn++ % 2 === 0 ? blocks : 0)))
  }

  /** Nothing listens on the port any more, and what was open is cut. `heal` opens it again on the same port. */
  refuseConnections(): Promise<void> {
    return this.stop()
  }

  /** What the node sends by WebSocket no longer arrives; the connection stays open. */
  silenceWebSocket(): void {
    this.#webSocketSilent = true
  }

  /** Ends every open WebSocket. */
  cutWebSocket(): void {
    for (const socket of this.#webSockets) socket.destroy()
  }

  /** As good as new. */
  async heal(): Promise<void> {
    this.#faults.length = 0
    this.#webSocketSilent = false
    for (const response of this.#hanging) response.destroy()
    this.#hanging.clear()
    await this.listen()
  }

  /** On the port it had before, if it had one. */
  async listen(): Promise<void> {
    if (this.#server !== null) return
    const server = createServer((request, response) => void this.#serve(request, response))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('upgrade', (request, socket, head) => this.#passWebSocket(request, socket, head))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as RpcRequest | RpcRequest[]
    const requests = Array.isArray(body) ? body : [body]
    this.#httpRequests += 1
    for (const { method } of requests) this.#calls.set(method, (this.#calls.get(method) ?? 0) + 1)
    try {
      const responses = await Promise.all(requests.map((one) => this.#answer(one)))
      const json = JSON.stringify(Array.isArray(body) ? responses : responses[0])
      this.#write(response, json, this.#spoil(requests, responses), requests[0]?.id ?? null)
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error))
    }
  }

  /** What is wrong with the HTTP answer, if anything; a fault that is counted is counted down. */
  #spoil(requests: RpcRequest[], responses: RpcResponse[]): TransportFault | null {
    for (const fault of this.#faults) {
      if (!requests.some(({ method }) => isHit(fault, method))) continue
      if ('answer' in fault) {
        const error = responses.find((one) => one.error !== undefined)?.error
        if (fault.status !== undefined && fault.status !== 200 && error)
          return { status: fault.status, error }
        continue
      }
      if (fault.times === undefined) return fault.transport
      if (fault.times === 0) continue
      fault.times -= 1
      return fault.transport
    }
    return null
  }

  /** The faults in the order they were added, each around the ones before it, the real node innermost. */
  async #answer(request: RpcRequest): Promise<RpcResponse> {
    let respond = (one: RpcRequest) => this.#ask(one)
    for (const fault of this.#faults) {
      if (!('answer' in fault)) continue
      const inner = respond
      respond = (one) => (isHit(fault, one.method) ? fault.answer(one, inner) : inner(one))
    }
    return respond(request)
  }

  async #ask(request: RpcRequest): Promise<RpcResponse> {
    const answer = await fetch(this.#upstreamUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    })
    return (await answer.json()) as RpcResponse
  }

  #write(response: ServerResponse, json: string, fault: TransportFault | null, id: RpcRequest['id']): void {
    if (typeof fault === 'object' && fault !== null) {
      const { status, headers, error, text: said = '' } = fault
      const type = error === undefined ? 'text/plain' : 'application/json'
      const body = error === undefined ? said : JSON.stringify({ jsonrpc: '2.0', id, error })
      response.writeHead(status, { 'content-type': type, ...headers }).end(body)
      return
    }
    switch (fault) {
      case 'silence':
        this.#hanging.add(response)
        return
      case null:
        response.writeHead(200, { 'content-type': 'application/json' }).end(json)
        return
      case '429':
        response.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '1' }).end('Too Many Requests')
        return
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Bad gateway</body></html>')
        return
      case 'truncate':
        response.writeHead(200, { 'content-type': 'application/json' }).end(json.slice(0, json.length / 2))
        return
      case 'hang':
        response.writeHead(200, { 'content-type': 'application/json' }).write(json.slice(0, 1))
        this.#hanging.add(response)
        return
    }
  }

  /** Byte for byte, after repeating the client's upgrade request to the node. */
  #passWebSocket(request: IncomingMessage, client: Duplex, head: Buffer): void {
    const { hostname, port } = new URL(this.#upstreamUrl)
    const node = connect(Number(port), hostname)
    const headers: string[] = []
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      headers.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    }
    node.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    node.write(head)
    this.#webSockets.add(client)
    client.on('data', (chunk) => node.write(chunk))
    node.on('data', (chunk) => {
      if (!this.#webSocketSilent) client.write(chunk)
    })
    for (const [one, other] of [
      [client, node],
      [node, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        this.#webSockets.delete(client)
      })
    }
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
