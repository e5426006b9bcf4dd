import { afterEach, beforeEach, expect, test } from 'vitest'
import { registerEndpoint } from '../../billing/events/webhooks/deliveries.ts'
import { webhookEndpointId } from '../../billing/events/webhooks/postWebhook.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { runCredits } from '../support/runCredits.ts'

// What the operator sees of deliveries, and how events are delivered again. Nothing is sent: that is the service's.

const WALLET = `0x${'a'.repeat(40)}`
const URL_OF_RECEIVER = 'https://receiver.example/hooks?token=hunter2'
const ENDPOINT = webhookEndpointId(URL_OF_RECEIVER)

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.drop())

async function credits(args: string[], change: Record<string, string> = {}) {
  const env = { DATABASE_URL: database.url, WEBHOOK_URL: URL_OF_RECEIVER, ...change }
  const { code, out, err } = await runCredits(['webhooks', ...args], env)
  expect(out + err).not.toContain('hunter2')
  return { code, out, err }
}

/** Three published events, an hour apart from midnight on, to a receiver that is known. */
async function publishThree(): Promise<void> {
  const { sql } = database
  await registerEndpoint(sql, ENDPOINT)
  await sql`
    insert into credits.outbox_event (kind, account, payload, created_at)
    select 'balance.low', ${WALLET}, '{}', '2026-01-01T00:00Z'::timestamptz + n * interval '1 hour' from generate_series(0, 2) n`
  await sql`select credits.publish_events(${ENDPOINT}, 100)`
}

const settle = (state: 'failed' | 'delivered') =>
  database.sql`
    update credits.webhook_delivery set state = ${state}, attempts = 10, next_attempt_at = null,
      delivered_at = case when ${state} = 'delivered' then now() end`

async function pending(): Promise<number[]> {
  const rows = await database.sql<{ id: number }[]>`
    select event_id::int as id from credits.webhook_delivery where state = 'pending' order by 1`
  return rows.map(({ id }) => id)
}

test('list shows deliveries with their last answer, newest first, and those given up', async () => {
  await publishThree()
  await database.sql`
    update credits.webhook_delivery set state = 'failed', attempts = 10, next_attempt_at = null where event_id = 2`
  await database.sql`
    insert into credits.webhook_attempt (event_id, endpoint_id, duration_ms, status, problem)
    values (2, ${ENDPOINT}, 5, null, 'no answer'), (2, ${ENDPOINT}, 5, 500, 'it answered 500')`
  const all = await credits(['list'])
  expect(all.code).toBe(0)
  expect(all.out.split('\n').map((line) => line.split(/\s+/)[0])).toEqual([
    'event',
    'evt_3_mjuss3k0',
    'evt_2_mjuqmxs0',
    'evt_1_mjuohs00',
  ])
  const failed = await credits(['list', '--failed'])
  expect(failed.out).toMatch(
    new RegExp(
      `^evt_2_mjuqmxs0 +2026-01-01T01:00:00.000Z +balance.low +${WALLET} +${ENDPOINT} +failed +10 +500 it answered 500$`,
      'm',
    ),
  )
  expect(failed.out).not.toContain('evt_3')
  expect(JSON.parse((await credits(['list', '--pending', '--limit', '1', '--json'])).out)).toMatchObject({
    items: [
      {
        eventId: 'evt_3_mjuss3k0',
        type: 'balance.low',
        state: 'pending',
        endpointId: ENDPOINT,
        lastStatus: null,
      },
    ],
  })
})

test('list needs no WEBHOOK_URL', async () => {
  expect(await credits(['list'], { WEBHOOK_URL: '' })).toMatchObject({ code: 0, err: '' })
})

test('redeliver takes one event, by its id as receivers know it or by its number', async () => {
  await publishThree()
  await settle('delivered')
  expect(await credits(['redeliver', 'evt_2_mjuqmxs0'])).toEqual({
    code: 0,
    out: '1 event is delivered again.',
    err: '',
  })
  expect(await pending()).toEqual([2])
  expect(await credits(['redeliver', '3'])).toMatchObject({ code: 0 })
  expect(await credits(['redeliver', 'evt_1'])).toMatchObject({ code: 0 })
  expect(await pending()).toEqual([1, 2, 3])
})

test('redeliver takes the events of a time: from its first moment to before its last', async () => {
  await publishThree()
  await settle('failed')
  const between = ['--since', '2026-01-01T01:00:00Z', '--until', '2026-01-01T02:00:00Z']
  expect((await credits(['redeliver', ...between])).out).toBe('1 event is delivered again.')
  expect(await pending()).toEqual([2])
  const json = await credits(['redeliver', '--since', '2026-01-01T02:00:00+01:00', '--json'])
  expect(JSON.parse(json.out)).toEqual({ redelivered: 2, endpointId: ENDPOINT, endpointDisabled: false })
  expect(await pending()).toEqual([2, 3])
})

test('of a disabled receiver, redeliver says that it waits, and --enable enables it', async () => {
  await publishThree()
  await settle('failed')
  await database.sql`update credits.webhook_endpoint set disabled_at = now()`
  expect(await credits(['redeliver', '1'])).toEqual({
    code: 0,
    out: '1 event is delivered again.',
    err: 'The receiver is disabled, so they wait: --enable sends to it again.',
  })
  expect((await credits(['list', '--pending'])).out).toContain('pending: disabled')
  expect(await credits(['redeliver', '1', '--enable'])).toMatchObject({ code: 0, err: '' })
  const [endpoint] = await database.sql`select disabled_at from credits.webhook_endpoint`
  expect(endpoint?.disabled_at).toBeNull()
})

test('events that are not there end with 1', async () => {
  await publishThree()
  expect(await credits(['redeliver', '99'])).toEqual({
    code: 1,
    out: '',
    err: 'No event evt_99 was published.',
  })
  expect(await credits(['redeliver', '--since', '2027-01-01T00:00:00Z', '--enable'])).toEqual({
    code: 1,
    out: '',
    err: 'No event was published in that time. The receiver is enabled.',
  })
})

test.each([
  ['', 'WEBHOOK_URL is not set'],
  ['ftp://receiver.example/hunter2', 'WEBHOOK_URL is set (secret, not shown)'],
])('redeliver with WEBHOOK_URL %j ends with 78 and does not print it', async (url, why) => {
  expect(await credits(['redeliver', '1'], { WEBHOOK_URL: url })).toMatchObject({
    code: 78,
    out: '',
    err: expect.stringContaining(why),
  })
})
