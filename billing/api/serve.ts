import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Api } from './routeDeps.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const DRAIN_TIMEOUT_MS = 5_000
const IDLE_LOOKED_FOR_MS = 50
const MAX_HEADER_BYTES = 16 * 1024

/** A running HTTP server. */
export interface Serving {
  /** `http://host:port` as it was bound; the port is a real one also when 0 was asked. */
  url: string
  /** Takes no new connection, lets running requests end, and after 5 s cuts what is left. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Serves the app over HTTP/1.1 until closed. Slow senders are cut: 10 s for the headers, 30 s for a whole request. Idle
 * connections are kept 65 s, longer than the 60 s of usual load balancers, so that it is they who close. Rejects when
 * the port is taken.
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
 * The connections on which nothing has come yet. Browsers open some in advance; Node does not count them as idle, and would
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
    // A connection whose request has just ended is kept for the next one, which will not come.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOKED_FOR_MS)
    server.close(() => {
      clearTimeout(cut)
      clearInterval(idle)
      resolve()
    })
    server.closeIdleConnections()
    for (const socket of silent()) socket.destroy()
  })
}
