import { connect, createServer, type Socket } from 'node:net'

/** A TCP relay in front of a database: an address that stays the same while what is behind it fails. */
export interface TcpProxy {
  /** The given URL with the proxy's host and port in place of its own. */
  through(url: string): string
  /** Connections made from now on lead there; those there are stay where they are. */
  leadTo(url: string): void
  /** Ends every connection with a reset, and refuses new ones until `accept`. */
  cut(): void
  /** Keeps the connections there are and passes nothing on any more, in neither direction; new ones work. */
  swallow(): void
  accept(): void
  stop(): Promise<void>
}

/** Starts a relay to the server of a database URL. */
export async function createTcpProxy(url: string): Promise<TcpProxy> {
  let target = new URL(url)
  let isOpen = true
  const pairs = new Set<[Socket, Socket]>()
  const server = createServer((near) => {
    near.on('error', () => {})
    if (!isOpen) return near.resetAndDestroy()
    const far = connect(Number(target.port), target.hostname)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    far.on('error', () => near.resetAndDestroy())
    near.on('close', () => far.destroy())
    far.on('close', () => {
      near.end()
      pairs.delete(pair)
    })
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy is not bound to a port')
  const cut = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy()
      far.destroy()
    }
  }
  return {
    through(to) {
      const at = new URL(to)
      at.host = `127.0.0.1:${address.port}`
      return at.href
    },
    leadTo(to) {
      target = new URL(to)
    },
    cut() {
      isOpen = false
      cut()
    },
    swallow() {
      for (const [near, far] of pairs) {
        near.unpipe(far)
        far.unpipe(near)
        near.pause()
        far.pause()
      }
    },
    accept() {
      isOpen = true
    },
    async stop() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
