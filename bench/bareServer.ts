import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'

/** Like the service's: it idles while others are measured. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

/** The service's answer about one session, with nothing behind it. */
const answerOf = (id: string) => ({
  id,
  state: 'running',
  endReason: null,
  billedMicros: '1234567',
  billedMinutes: '0.020576',
  totalBilledMicros: '1234567890',
  totalBilledMinutes: '20.576131',
  balanceMicros: '99999999999999',
  balanceMinutes: '1666666.666649',
  low: false,
  graceRemainingSeconds: null,
})

const app = new Hono()
app.post('/v1/sessions/:id/heartbeat', async (c) => {
  await c.req.json()
  return c.json(answerOf(c.req.param('id')))
})
app.post('/v1/heartbeats', async (c) => {
  const { sessionIds } = await c.req.json<{ sessionIds: string[] }>()
  return c.json({ results: sessionIds.map(answerOf) })
})

const server = createAdaptorServer({
  fetch: app.fetch,
  serverOptions: { keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server is not bound to a port')
  console.log(`http://127.0.0.1:${address.port}`)
})
// The benchmark is gone, so nobody will measure it.
process.on('disconnect', () => process.exit())
