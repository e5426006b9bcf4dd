import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RpcSwitch {
  url: string
  /** From now on every request goes to that node. */
  switchTo(upstreamUrl: string): void
  stop(): Promise<void>
}

/** One address with a real node behind it that can be exchanged for another one in the middle of a run. */
export async function createRpcSwitch(upstreamUrl: string): Promise<RpcSwitch> {
  let upstream = upstreamUrl
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = { 'content-type': 'application/json' }
    try {
      const answer = await fetch(upstream, { method: 'POST', headers, body: Buffer.concat(chunks) })
      response.writeHead(answer.status, headers).end(await answer.text())
    } catch (error) {
      response.writeHead(502).end(String(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    switchTo(url) {
      upstream = url
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
