import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Api } from './appDeps.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const DRAIN_TIMEOUT_MS = 5_000
const IDLE_CHECK_INTERVAL_MS = 50
const MAX_HEADER_BYTES = 16 * 1024

/** A running HTTP server. */
export interface Serving {
  /** `http://host:port` as bound; the port is the real one even if 0 was requested. */
  url: string
  /** Accepts no new connections, lets running requests finish, and cuts the rest after 5 s. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Serves the app over HTTP/1.1 until closed. Slow senders are cut: 10 s for the headers, 30 s for a whole request. Idle
 * connections are kept for 65 s, longer than the usual 60 s of load balancers, so that the load balancer closes first.
 * Rejects when the port is taken.
 */
export async function serve(app: Api, options: { host: string; port: number }): Promise<Serving> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
  }) as Server
  const silent = silentConnections(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  let closing: Promise<void> | undefined
  return {
    url: urlOf(server),
    close: () => {
      closing ??= drain(server, silent)
      return closing
    },
  }
}

function urlOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server is not bound to a port')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}`
}

/**
 * The connections that have not sent anything yet. Browsers open some in advance; Node does not count them as idle and would
 * wait for them as for a request.
 */
function silentConnections(server: Server): () => Socket[] {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => [...open].filter(({ bytesRead }) => bytesRead === 0)
}

function drain(server: Server, silent: () => Socket[]): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS)
    // A connection whose request has just ended stays open for the next one, which will not come.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_INTERVAL_MS)
    server.close(() => {
      clearTimeout(cut)
      clearInterval(idle)
      resolve()
    })
    server.closeIdleConnections()
    for (const socket of silent()) socket.destroy()
  })
}
