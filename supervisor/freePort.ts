import { createServer } from 'node:net'

/** A TCP port on 127.0.0.1 that is free at this moment. Pass the port used last time to get it again if it is still free. */
export async function freePort(preferred = 0): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? freePort()
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      const free = address !== null && typeof address === 'object' ? address.port : null
      server.close(() => resolve(free))
    })
  })
}
