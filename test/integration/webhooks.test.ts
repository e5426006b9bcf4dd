import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runPublisher } from '../../billing/events/runPublisher.ts'
import {
  claimDeliveries,
  listDeliveries,
  redeliverWebhooks,
} from '../../billing/events/webhooks/deliveries.ts'
import {
  type WebhookTarget,
  webhookEndpointId,
  webhookId,
  webhookRequest,
} from '../../billing/events/webhooks/postWebhook.ts'
import { runWebhooks, type WebhookReport } from '../../billing/events/webhooks/runWebhooks.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { waitUntil } from '../support/waitUntil.ts'

const ALICE = `0x${'a1'.repeat(20)}`
/** Generous: other tests may share two cores. */
const WITHIN_MS = 20_000
const NEW_KEY = Buffer.alloc(24, 1)
const OLD_KEY = Buffer.alloc(24, 2)

interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: string
}
type Answer = (response: ServerResponse, request: Received) => void

interface Receiver {
  url: string
  port: number
  received: Received[]
  /** How it answers from now on; 204 at first. */
  answer: Answer
  close(): Promise<void>
}

async function startReceiver(host = '127.0.0.1'): Promise<Receiver> {
  const server = createServer((incoming, response) => {
    let body = ''
    incoming.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    incoming.on('end', () => {
      const request = { path: incoming.url ?? '', headers: incoming.headers, body }
      receiver.received.push(request)
      receiver.answer(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook?token=very-secret-token`,
    port,
    received: [],
    answer: (response) => response.writeHead(204).end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end('x')
const hang: Answer = () => {}

let database: TestDatabase
let receiver: Receiver
let stop: AbortController
let running: Promise<void>[]
let reports: WebhookReport[]

beforeEach(async () => {
  database = await createTestDatabase()
  receiver = await startReceiver()
  stop = new AbortController()
  running = []
  reports = []
})
afterEach(async () => {
  stop.abort()
  await Promise.all(running)
  await receiver.close()
  await database.drop()
})

const targetOf = (url = receiver.url): WebhookTarget => ({
  url,
  secrets: [{ key: NEW_KEY }, { key: OLD_KEY }],
  allowPrivate: true,
})
const endpointId = () => webhookEndpointId(receiver.url)

/** What every process runs. */
function publishing(url = receiver.url) {
  running.push(
    runPublisher(database.sql, {
      endpointId: webhookEndpointId(url),
      stop: stop.signal,
      onProblem: (error) => reports.push({ kind: 'failed', error }),
    }),
  )
}

/** What the leader runs. */
function delivering({ target = targetOf(), timeoutMs = 5_000 } = {}) {
  const delivered = runWebhooks(database.sql, {
    target,
    stop: stop.signal,
    report: (report) => reports.push(report),
    timeoutMs,
  })
  running.push(delivered)
  return delivered
}

async function tell(kind: string, payload: Record<string, unknown> = {}): Promise<bigint> {
  const { sql } = database
  const [row] = await sql<{ id: bigint }[]>`
    insert into credits.outbox_event (kind, account, payload)
    values (${kind}, ${ALICE}, ${sql.json(payload as never)}) returning id`
  if (row === undefined) throw new Error('nothing was told')
  return row.id
}

const arrived = (count: number) =>
  waitUntil(() => receiver.received.length >= count && receiver.received, {
    withinMs: WITHIN_MS,
    what: `${count} webhooks to arrive`,
  })
const deliveries = () => listDeliveries(database.sql, { endpointId: null, state: null, limit: 100 })
const deliveryOf = async (eventId: bigint) => (await deliveries()).find((one) => one.eventId === eventId)
const recorded = (eventId: bigint, attempts: number) =>
  waitUntil(
    async () => {
      const delivery = await deliveryOf(eventId)
      return delivery !== undefined && delivery.attempts >= attempts && delivery
    },
    { withinMs: WITHIN_MS, what: `attempt ${attempts} at event ${eventId}` },
  )
/** As if the pause before the next attempt were over. */
const letPausesPass = () =>
  database.sql`update credits.webhook_delivery set next_attempt_at = now() where state = 'pending'`

describe('what arrives', () => {
  test('is what the specification says, and both secrets verify it while they are changed', async () => {
    publishing()
    delivering()
    const id = await tell('deposit.credited', { id: '1-0x11', creditMicros: '3600000000' })
    const [webhook] = await arrived(1)
    if (webhook === undefined) throw new Error('nothing arrived')

    expect(webhook.path).toBe('/hook?token=very-secret-token')
    const { createdAt } = await recorded(id, 1)
    expect(webhook.headers['webhook-id']).toBe(webhookId({ eventId: id, createdAt }))
    expect(webhook.headers['content-type']).toBe('application/json')
    expect(Math.abs(Number(webhook.headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(10)
    const headers = webhook.headers as Record<string, string>
    for (const key of [NEW_KEY, OLD_KEY]) {
      const said = new Webhook(key.toString('base64')).verify(webhook.body, headers)
      expect(said).toEqual({
        type: 'deposit.credited',
        timestamp: createdAt.toISOString(),
        data: { id: '1-0x11', creditMicros: '3600000000' },
      })
    }
    expect(await recorded(id, 1)).toMatchObject({
      state: 'delivered',
      attempts: 1,
      nextAttemptAt: null,
      lastStatus: 204,
      lastProblem: null,
    })
  })

  test('arrives again after a failure: the same id and body, another attempt', async () => {
    receiver.answer = status(500)
    publishing()
    delivering()
    const id = await tell('session.started', { id: 's', totalBilledMicros: '0' })
    const failed = await recorded(id, 1)
    expect(failed).toMatchObject({
      state: 'pending',
      lastStatus: 500,
      lastProblem: 'the receiver answered 500',
    })
    const [attempt] = await database.sql<{ durationMs: number }[]>`
      select duration_ms as "durationMs" from credits.webhook_attempt`
    const pauseMs =
      (failed.nextAttemptAt?.getTime() ?? 0) -
      (failed.lastAttemptAt?.getTime() ?? 0) -
      (attempt?.durationMs ?? 0)
    expect(pauseMs).toBeGreaterThan(4_400)
    expect(pauseMs).toBeLessThan(7_000)

    receiver.answer = status(200)
    await letPausesPass()
    expect(await recorded(id, 2)).toMatchObject({ state: 'delivered', lastStatus: 200 })
    const [first, second] = receiver.received
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(second?.body).toBe(first?.body)
  })

  test('is published and delivered once, whoever publishes and delivers at the same time', async () => {
    for (let i = 0; i < 3; i += 1) publishing()
    for (let i = 0; i < 2; i += 1) delivering()
    await Promise.all(Array.from({ length: 100 }, () => tell('balance.low')))
    await arrived(100)
    await waitUntil(async () => (await deliveries()).every(({ state }) => state === 'delivered'), {
      withinMs: WITHIN_MS,
      what: 'all to be recorded',
    })
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(100)
    expect(receiver.received).toHaveLength(100)
  })

  test('has an id that no other event ever had, also after a backup was restored', async () => {
    publishing()
    delivering()
    const lost = await tell('deposit.credited')
    await recorded(lost, 1)
    // The backup is from before it: what happens next has its number again.
    await database.sql`truncate credits.outbox_event, credits.webhook_delivery restart identity`
    const next = await tell('deposit.reversed')
    expect(next).toBe(lost)
    await recorded(next, 1)
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
  })

  test('arrives again, by the same id, when we die between the attempt and its record', async () => {
    await database.sql.unsafe(`
      create function public.die() returns trigger language plpgsql as $$ begin raise exception 'died'; end $$;
      create trigger dies before insert on credits.webhook_attempt for each row execute function public.die()`)
    publishing()
    delivering()
    const id = await tell('session.ended')
    await waitUntil(() => reports.some(({ kind }) => kind === 'failed'), {
      withinMs: WITHIN_MS,
      what: 'the record to fail',
    })
    expect(receiver.received).toHaveLength(1)
    // Until the claim is over nobody else attempts it.
    const claim = { endpointId: endpointId(), limit: 8, leaseMs: 1_000 }
    expect(await claimDeliveries(database.sql, claim)).toEqual([])

    await database.sql.unsafe('drop trigger dies on credits.webhook_attempt')
    await letPausesPass()
    expect(await recorded(id, 1)).toMatchObject({ state: 'delivered', attempts: 1 })
    const same = webhookId(await recorded(id, 1))
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([same, same])
  })

  test('is not held up by one that fails for days, nor by one that hangs', async () => {
    const failing = await tell('deposit.held')
    const hanging = await tell('deposit.reversed')
    receiver.answer = (response, request) => {
      const { type } = JSON.parse(request.body)
      if (type === 'deposit.reversed') return
      response.writeHead(type === 'deposit.held' ? 500 : 200).end()
    }
    publishing()
    delivering({ timeoutMs: 600_000 })
    await arrived(2)
    const others = await Promise.all(Array.from({ length: 20 }, () => tell('balance.low')))
    for (const other of others) expect(await recorded(other, 1)).toMatchObject({ state: 'delivered' })
    expect((await deliveryOf(hanging))?.attempts).toBe(0)
    expect(await recorded(failing, 1)).toMatchObject({ state: 'pending' })
  })
})

describe('a receiver that is difficult', () => {
  test('has so much time to answer and no more', async () => {
    receiver.answer = hang
    publishing()
    delivering({ timeoutMs: 200 })
    expect(await recorded(await tell('balance.low'), 1)).toMatchObject({
      state: 'pending',
      lastStatus: null,
      lastProblem: 'no answer within 200 ms',
    })
  })

  test('410 disables it: nothing more is sent, nothing is lost, and the operator turns it on again', async () => {
    receiver.answer = status(410)
    publishing()
    delivering()
    const id = await tell('balance.low')
    const gone = await recorded(id, 1)
    expect(gone).toMatchObject({ state: 'pending', isEndpointDisabled: true, lastStatus: 410 })
    await waitUntil(() => reports.some(({ kind }) => kind === 'disabled'), {
      withinMs: WITHIN_MS,
      what: 'the operator to be told',
    })
    const later = await tell('balance.exhausted')
    await waitUntil(
      async () => {
        const [row] =
          await database.sql`select 1 from credits.outbox_event where id = ${later} and seq is not null`
        return row
      },
      { withinMs: WITHIN_MS, what: 'the event to be published' },
    )
    expect(receiver.received).toHaveLength(1)

    receiver.answer = status(200)
    const all = { endpointId: endpointId(), eventId: null, since: null, until: null }
    expect(await redeliverWebhooks(database.sql, { ...all, enable: false })).toEqual({ redelivered: 2 })
    const claim = { endpointId: endpointId(), limit: 8, leaseMs: 1_000 }
    expect(await claimDeliveries(database.sql, claim)).toEqual([])
    expect(await redeliverWebhooks(database.sql, { ...all, enable: true })).toEqual({ redelivered: 2 })
    expect(await recorded(id, 1)).toMatchObject({ isEndpointDisabled: false })
    expect(await recorded(later, 1)).toMatchObject({ state: 'delivered' })
  })

  test('another URL is another receiver, and gets what the one before did not', async () => {
    receiver.answer = status(410)
    const before = `${receiver.url}&old`
    publishing(before)
    const old = delivering({ target: targetOf(before) })
    const id = await tell('balance.low')
    await recorded(id, 1)
    stop.abort()
    await old

    stop = new AbortController()
    receiver.answer = status(200)
    delivering()
    const adopted = await waitUntil(
      async () => {
        const delivery = await deliveryOf(id)
        return delivery?.state === 'delivered' && delivery
      },
      { withinMs: WITHIN_MS, what: 'the event to be delivered to the new receiver' },
    )
    expect(adopted).toMatchObject({ endpointId: endpointId(), attempts: 1 })
  })

  test.each([301, 302, 303, 307, 308])('a redirect of %i is not followed', async (code) => {
    receiver.answer = (response, { path }) =>
      response
        .writeHead(path === '/other' ? 200 : code, { Location: `http://127.0.0.1:${receiver.port}/other` })
        .end()
    publishing()
    delivering()
    const id = await tell('balance.low')
    expect(await recorded(id, 1)).toMatchObject({ state: 'pending', lastStatus: code })
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook?token=very-secret-token'])
  })

  test('the tenth failure is the last, and the operator is told', async () => {
    receiver.answer = status(404)
    publishing()
    delivering()
    const id = await tell('balance.low')
    await recorded(id, 1)
    await database.sql`update credits.webhook_delivery set attempts = 9, next_attempt_at = now()`
    expect(await recorded(id, 10)).toMatchObject({ state: 'failed', nextAttemptAt: null })
    await waitUntil(() => reports.length > 0, { withinMs: WITHIN_MS, what: 'the operator to be told' })
    expect(reports).toEqual([{ kind: 'gave_up', eventId: id, problem: 'the receiver answered 404' }])
    const failed = await listDeliveries(database.sql, {
      endpointId: endpointId(),
      state: 'failed',
      limit: 10,
    })
    expect(failed.map(({ eventId }) => eventId)).toEqual([id])
  })

  test('503 that asks for an hour gets an hour', async () => {
    receiver.answer = status(503, { 'Retry-After': '3600' })
    publishing()
    delivering()
    const delivery = await recorded(await tell('balance.low'), 1)
    const pauseMs = (delivery.nextAttemptAt?.getTime() ?? 0) - (delivery.lastAttemptAt?.getTime() ?? 0)
    expect(pauseMs).toBeGreaterThanOrEqual(3_599_000)
  })

  test('one that answers 200 and then talks without end has the webhook, and is not listened to', async () => {
    let isCut = false
    receiver.answer = (response) => {
      response.on('close', () => {
        isCut = true
      })
      response.writeHead(200)
      const talk = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      }
      response.on('drain', talk)
      talk()
    }
    publishing()
    delivering()
    expect(await recorded(await tell('balance.low'), 1)).toMatchObject({ state: 'delivered' })
    await waitUntil(() => isCut, { withinMs: WITHIN_MS, what: 'the connection to be cut' })
  })

  test('one that answers 200 and then nothing has the webhook', async () => {
    receiver.answer = (response) => response.writeHead(200, { 'Content-Length': '100' }).write('x')
    publishing()
    delivering({ timeoutMs: 500 })
    expect(await recorded(await tell('balance.low'), 1)).toMatchObject({
      state: 'delivered',
      lastStatus: 200,
    })
  })

  test('one that would rather talk another protocol is tried again, and takes no place for good', async () => {
    // Node drops such a connection without a word, and it is all in flight that would wait for one.
    receiver.answer = (response) =>
      response.socket?.end(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      )
    publishing()
    delivering({ timeoutMs: 2_000 })
    const ids = await Promise.all(Array.from({ length: 9 }, () => tell('balance.low')))
    for (const id of ids)
      expect(await recorded(id, 1)).toMatchObject({
        state: 'pending',
        lastStatus: 101,
        lastProblem: 'the receiver answered 101',
      })
  })

  test('one that is away is tried again, and the log of attempts tells no secret of its URL', async () => {
    await receiver.close()
    publishing()
    delivering()
    const id = await tell('balance.low')
    expect(await recorded(id, 1)).toMatchObject({
      state: 'pending',
      lastStatus: null,
      lastProblem: 'the request failed: ECONNREFUSED',
    })
  })

  test('the end does not wait for one that hangs, and whoever is next attempts it at once', async () => {
    receiver.answer = hang
    publishing()
    const delivered = delivering({ timeoutMs: 60_000 })
    const id = await tell('balance.low')
    await arrived(1)
    const startedAt = performance.now()
    stop.abort()
    await delivered
    // Long before the attempt would be over, on a busy machine too.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    const [claimed] = await claimDeliveries(database.sql, {
      endpointId: endpointId(),
      limit: 1,
      leaseMs: 1_000,
    })
    expect(claimed).toMatchObject({ eventId: id, attempts: 0 })
  })
})

describe('redelivery', () => {
  test('by event or by time, at once and with all attempts before it', async () => {
    publishing()
    delivering()
    const [first, second, third] = [
      await tell('balance.low'),
      await tell('balance.low'),
      await tell('balance.low'),
    ]
    await database.sql`update credits.outbox_event set created_at = '2026-01-01T12:00Z' where id = ${second}`
    for (const id of [first, second, third]) await recorded(id, 1)
    const none = { endpointId: endpointId(), eventId: null, since: null, until: null, enable: false }

    expect(await redeliverWebhooks(database.sql, { ...none, eventId: first })).toEqual({ redelivered: 1 })
    await arrived(4)
    const range = { since: new Date('2026-01-01'), until: new Date('2026-01-02') }
    expect(await redeliverWebhooks(database.sql, { ...none, ...range })).toEqual({ redelivered: 1 })
    await arrived(5)
    expect(await redeliverWebhooks(database.sql, { ...none, eventId: 999n })).toEqual({ redelivered: 0 })
    expect(receiver.received.slice(3).map(({ headers }) => headers['webhook-id'])).toEqual([
      webhookId(await recorded(first, 1)),
      webhookId(await recorded(second, 1)),
    ])
  })
})

describe('what is not on the public internet is not asked', () => {
  const ask = (url: string, allowPrivate = false) =>
    webhookRequest({ url, headers: {}, body: '{}', allowPrivate, timeoutMs: 20_000, stop: stop.signal })

  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '[::]',
    '[fd00::1]',
    '[64:ff9b::7f00:1]',
    'localhost',
  ])('%s, unless it is allowed', async (host) => {
    const answer = await ask(`http://${host}:${receiver.port}/`)
    expect(answer).toEqual({ kind: 'unanswered', problem: expect.stringContaining('refused') })
    expect(receiver.received).toEqual([])
  })

  test('allowed, a name of this machine is', async () => {
    expect(await ask(`http://localhost:${receiver.port}/`, true)).toMatchObject({
      kind: 'answered',
      status: 204,
    })
  })

  test('a name that nobody knows is a failure and no refusal', async () => {
    const answer = await ask('http://nobody.invalid/')
    expect(answer).toMatchObject({
      kind: 'unanswered',
      problem: expect.stringMatching(/failed: (ENOTFOUND|EAI_AGAIN)/),
    })
  })
})
