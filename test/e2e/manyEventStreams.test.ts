import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import type { Address } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { walletTokenHash } from '../../billing/auth/walletTokens.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 52, against the whole real service: two thousand wallets' pages that only listen, and a client that never reads.
// Plain sockets, so that what is weighed is the service and not the test.

const STREAMS_OF_A_WALLET = 5
const STREAMS_WANTED = 2_000
/** What else the service and the test have open. */
const SPARE_DESCRIPTORS = 400
/** Connections on their way at once; more than the listen queue holds would be tried again a second later. */
const CONNECTING_AT_ONCE = 200
const WITHIN_MS = 60_000
const DEAF_EVENTS = 8_000
const DEAF_EVENT_BYTES = 10_000

let scene: Scene
let sockets: Socket[]
beforeAll(async () => {
  sockets = []
  scene = await startScene({ proxies: 1 })
})
afterAll(async () => {
  for (const socket of sockets ?? []) socket.destroy()
  await scene?.stop()
})

interface Listener {
  wallet: Address
  text: string
  socket: Socket
}

const walletOf = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const tokenOf = (wallet: Address) => `token-of-${wallet}`

/** How many streams the descriptors that we may open allow; says so where it is fewer than wanted. */
function streamsAllowed(): number {
  const limit = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  const allowed = limit === 'unlimited' ? STREAMS_WANTED : Number(limit) - SPARE_DESCRIPTORS
  if (allowed >= STREAMS_WANTED) return STREAMS_WANTED
  const streams = Math.floor(allowed / STREAMS_OF_A_WALLET) * STREAMS_OF_A_WALLET
  console.warn(`only ${streams} streams: ulimit -n is ${limit}`)
  return streams
}

interface Asked {
  wallet: Address
  lastEventId: string | null
}

async function open({ wallet, lastEventId }: Asked): Promise<Listener> {
  const { hostname, port } = new URL(scene.service.baseUrl)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  const listener: Listener = { wallet, text: '', socket }
  socket.setEncoding('utf8')
  socket.on('data', (text) => {
    listener.text += text
  })
  socket.on('error', () => {})
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const resuming = lastEventId === null ? '' : `Last-Event-ID: ${lastEventId}\r\n`
  socket.write(
    `GET /v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${tokenOf(wallet)}\r\n${resuming}\r\n`,
  )
  return listener
}

/** Opens a stream for each, and waits until each has been told its balance. */
async function openAll(asked: Asked[]): Promise<Listener[]> {
  const listeners: Listener[] = []
  for (let i = 0; i < asked.length; i += CONNECTING_AT_ONCE) {
    listeners.push(...(await Promise.all(asked.slice(i, i + CONNECTING_AT_ONCE).map(open))))
  }
  await untilAll(listeners, ({ text }) => text.includes('event: balance'), 'the balance of each')
  return listeners
}

async function untilAll(listeners: Listener[], isDone: (one: Listener) => boolean, what: string) {
  await waitUntil(() => listeners.every(isDone), { withinMs: WITHIN_MS, what, everyMs: 50 }).catch(
    (error) => {
      const first = listeners.find((one) => !isDone(one))
      throw new Error(`${error.message}; ${listeners.filter(isDone).length} were; ${first?.text}`)
    },
  )
}

function leave(listeners: Listener[]): void {
  for (const { socket } of listeners) socket.destroy()
}

/** The memory of the billing process in megabytes, as the system counts it. */
function megabytes(): number {
  const pid = scene.service.pids().billing
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024
}

/** What the billing process keeps in buffers, in megabytes, from its own metrics; what is garbage counts until it is swept. */
async function bufferedMegabytes(): Promise<number> {
  const { body } = await scene.service.request('/metrics')
  const bytes = /^nodejs_external_memory_bytes (\S+)$/m.exec(String(body))?.[1]
  if (bytes === undefined) throw new Error('the metrics do not say')
  return Number(bytes) / 1024 / 1024
}

/** One event for each of the wallets, told in one transaction. */
const tellAll = (wallets: Address[], id: string) => scene.database.sql`
  insert into credits.outbox_event (kind, account, payload)
  select 'session.started', wallet, jsonb_build_object('id', ${id}::text, 'profile', 'small', 'gpus', 1, 'state',
    'running', 'endReason', null, 'startedAt', '2026-01-01T00:00:00Z', 'totalBilledMicros', '0')
  from unnest(${wallets}::text[]) wallet`

/** What a browser resumes by. */
function lastEventIdOf(text: string): string {
  const id = [...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1]
  if (id === undefined) throw new Error(`no id in ${text}`)
  return id
}

const timesTold = (text: string, id: string) => text.split(`data: {"id":"${id}"`).length - 1

test('two thousand idle streams and one that never reads cost little, disturb nobody, and lose nothing', async () => {
  const { sql } = scene.database
  const count = streamsAllowed()
  const wallets = Array.from({ length: count / STREAMS_OF_A_WALLET }, (_, i) => walletOf(i + 1))
  const deafWallet = walletOf(0xdeaf)
  const tokens = [...wallets, deafWallet].map((address) => ({
    token_hash: walletTokenHash(tokenOf(address)),
    address,
  }))
  await sql`
    insert into credits.wallet_token (token_hash, address, expires_at)
    select token_hash, address, now() + interval '1 hour'
    from jsonb_to_recordset(${sql.json(tokens)}) as row (token_hash text, address text)`

  const each = wallets.flatMap((wallet) => Array<Address>(STREAMS_OF_A_WALLET).fill(wallet))
  const before = megabytes()
  const idle = await openAll(each.map((wallet) => ({ wallet, lastEventId: null })))
  const perStreamKilobytes = ((megabytes() - before) * 1024) / count
  expect(perStreamKilobytes).toBeLessThan(100)

  const deaf = await open({ wallet: deafWallet, lastEventId: null })
  await waitUntil(() => deaf.text.includes('event: balance'), { withinMs: WITHIN_MS, what: 'its balance' })
  deaf.socket.pause()
  const other = await open({ wallet: deafWallet, lastEventId: null })
  await waitUntil(() => other.text.includes('event: balance'), { withinMs: WITHIN_MS, what: 'its balance' })
  let otherBytes = 0
  other.socket.removeAllListeners('data').on('data', ({ length }) => {
    otherBytes += length
  })
  const beforeDeaf = await bufferedMegabytes()
  await sql`
    insert into credits.outbox_event (kind, account, payload)
    select 'session.started', ${deafWallet}, jsonb_build_object('id', repeat('x', ${DEAF_EVENT_BYTES}) || n, 'profile',
      'small', 'gpus', 1, 'state', 'running', 'endReason', null, 'startedAt', '2026-01-01T00:00:00Z',
      'totalBilledMicros', '0')
    from generate_series(1, ${DEAF_EVENTS}) n`
  await tellAll(wallets, 'first')
  await untilAll(idle, ({ text }) => timesTold(text, 'first') === 1, 'all others to be told')
  const answeredFrom = performance.now()
  expect((await scene.service.request('/health/live')).status).toBe(200)
  expect(performance.now() - answeredFrom).toBeLessThan(2_000)
  await waitUntil(() => otherBytes > DEAF_EVENTS * DEAF_EVENT_BYTES, {
    withinMs: WITHIN_MS,
    what: 'a stream of the same wallet that is read to be told everything',
  })
  // What waits for the one that does not read is eighty megabytes by now.
  await waitUntil(async () => (await bufferedMegabytes()) - beforeDeaf < 40, {
    withinMs: WITHIN_MS,
    what: 'the service to hold but little of what is not read',
  })

  const resumeFrom = idle.map(({ wallet, text }) => ({ wallet, lastEventId: lastEventIdOf(text) }))
  leave(idle)
  await tellAll(wallets, 'missed')
  const back = await openAll(resumeFrom)
  await untilAll(back, ({ text }) => timesTold(text, 'missed') === 1, 'all to be told what they missed')
  await tellAll(wallets, 'next')
  await untilAll(back, ({ text }) => timesTold(text, 'next') === 1, 'all to be told what is next')
  expect(back.every(({ text }) => timesTold(text, 'missed') === 1 && timesTold(text, 'first') === 0)).toBe(
    true,
  )
  leave(back)
}, 900_000)
