import type { Server } from 'node:http'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { proxy } from 'hono/proxy'
import { securityHeaders } from '../billing/api/request/securityHeaders.ts'
import { openPanelFiles } from '../billing/api/routes/panelFiles.ts'
import { addPanelRoutes } from '../billing/api/routes/panelRoutes.ts'

export interface DemoFrontOptions {
  port: number
  /** The folder of the page built for the demo, with the test wallet in it. */
  panelFolder: string
  /** The demo's own chain. The wallet has no other way to it: the page may only call the server that served it. */
  rpcUrl: string
  serviceUrl: string
}

export interface DemoFront {
  /** `http://localhost:…`: where people open the page, and so the domain for which they sign in. */
  url: string
  stop(): Promise<void>
}

const MAX_RPC_BYTES = 128 * 1024

/**
 * The server in front of the real service for the demo's visitors: it serves the demo's own page, forwards its wallet's
 * requests at `/demo/rpc` to the local chain, and passes everything else to the service, event streams included. So the
 * service need not know about the demo. Listens on 127.0.0.1 only.
 */
export async function startDemoFront(options: DemoFrontOptions): Promise<DemoFront> {
  const { port } = options
  const app = createFront(options, `localhost:${port}`)
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://localhost:${port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function createFront({ panelFolder, rpcUrl, serviceUrl }: DemoFrontOptions, publicHost: string) {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const headers = securityHeaders(`http://${publicHost}`)
  for (const path of ['/', '/assets/*', '/demo/*']) app.use(path, headers)

  app.use('/', async (c, next) => {
    // Somebody who typed 127.0.0.1 would sign in for a domain that is not the service's.
    if (c.req.header('Host') === publicHost) return next()
    return c.redirect(`http://${publicHost}/${new URL(c.req.url).search}`)
  })
  addPanelRoutes(app as unknown as Hono, openPanelFiles(panelFolder))

  app.post('/demo/rpc', bodyLimit({ maxSize: MAX_RPC_BYTES }), async (c) => {
    // Another site's page could send a form here, but cannot set this header.
    if (c.req.header('Content-Type') !== 'application/json') return c.text('JSON only', 415)
    const answer = await proxy(rpcUrl, { method: 'POST', headers: JSON_ONLY, body: await c.req.text() })
    // The chain itself allows every site; through here it answers this page only.
    for (const name of [...answer.headers.keys()]) {
      if (name.startsWith('access-control-')) answer.headers.delete(name)
    }
    return answer
  })
  app.all('/demo/*', (c) => c.notFound())

  app.all('*', async (c) => {
    const { pathname, search } = new URL(c.req.url)
    const answer = await proxy(`${serviceUrl}${pathname}${search}`, {
      raw: c.req.raw,
      redirect: 'manual',
      customFetch(request) {
        request.headers.set('X-Forwarded-For', c.env.incoming.socket.remoteAddress ?? '')
        return fetch(request)
      },
    })
    return new Response(endQuietly(answer.body, c.req.raw.signal), answer)
  })
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    return c.text(`The demo's service does not answer: ${error.message}`, 502)
  })
  return app
}

/** Closing a tab ends the stream behind it; that is not an error, and must not be printed between the demo's lines. */
function endQuietly(body: ReadableStream<Uint8Array> | null, gone: AbortSignal) {
  if (body === null) return null
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        if (gone.aborted) controller.close()
        else controller.error(error)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

const JSON_ONLY = { 'Content-Type': 'application/json' }
