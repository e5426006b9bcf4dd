import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../../billing/api/createApp.ts'
import { forgetEvents, runForgetting } from '../../billing/events/forgetEvents.ts'
import { readSeqs } from '../../billing/events/openEventFeed.ts'
import { redeliverWebhooks, registerEndpoint } from '../../billing/events/webhooks/deliveries.ts'
import { createStreamScene, type StreamScene } from '../support/createStreamScene.ts'
import { readDifferences } from '../support/readDifferences.ts'
import { waitUntil } from '../support/waitUntil.ts'
import { fakeDeps, walletToken } from '../unit/api/fakeDeps.ts'

type Address = `0x${string}`
const ALICE: Address = `0x${'a1'.repeat(20)}`
const BOB: Address = `0x${'b0'.repeat(20)}`
const RECEIVER = 'receiver'
const KEEP_DAYS = 30

let scene: StreamScene

beforeEach(async () => {
  scene = await createStreamScene()
})
afterEach(() => scene.end())

/** Tells of so many events, one after the other, and makes the first of them old. */
async function tellEvents(count: number, { old }: { old: number }): Promise<void> {
  for (let n = 1; n <= count; n += 1) await scene.tell(ALICE, `e${n}`)
  await scene.published()
  await scene.sql`
    update credits.outbox_event set created_at = now() - interval '31 days'
    where seq in (select seq from credits.outbox_event order by seq limit ${old})`
}

/** Queues every event for a receiver, and settles what became of each delivery. */
async function deliver(state: 'delivered' | 'failed' | 'pending'): Promise<void> {
  await registerEndpoint(scene.sql, RECEIVER)
  await scene.sql`
    insert into credits.webhook_delivery (event_id, endpoint_id, state, attempts)
    select id, ${RECEIVER}, ${state}, 1 from credits.outbox_event`
  await scene.sql`
    insert into credits.webhook_attempt (event_id, endpoint_id, duration_ms, status)
    select id, ${RECEIVER}, 1, 200 from credits.outbox_event`
}

const setPending = (seqs: number[]) => scene.sql`
  update credits.webhook_delivery d set state = 'pending' from credits.outbox_event e
  where e.id = d.event_id and e.seq = any(${seqs}::bigint[])`

const forget = (afterSeq = 0n, limit = 1_000) =>
  forgetEvents(scene.sql, { keepDays: KEEP_DAYS, afterSeq, limit })

/** The seqs of what is kept: events, deliveries, attempts. */
async function kept() {
  const seqsOf = async (rows: Promise<readonly { seq: bigint }[]>) =>
    (await rows).map(({ seq }) => Number(seq))
  const { sql } = scene
  return {
    events: await seqsOf(sql<{ seq: bigint }[]>`select seq from credits.outbox_event order by seq`),
    deliveries: await seqsOf(sql<{ seq: bigint }[]>`
      select coalesce(e.seq, -1) as seq from credits.webhook_delivery d
      left join credits.outbox_event e on e.id = d.event_id order by seq`),
    attempts: await seqsOf(sql<{ seq: bigint }[]>`
      select coalesce(e.seq, -1) as seq from credits.webhook_attempt a
      left join credits.outbox_event e on e.id = a.event_id order by seq`),
  }
}

describe('old events are deleted', () => {
  test.each(['delivered', 'failed'] as const)(
    'with their deliveries that are %s and the attempts at them',
    async (state) => {
      await tellEvents(5, { old: 3 })
      await deliver(state)
      expect(await forget()).toEqual({ events: 3, nextSeq: null })
      expect(await kept()).toEqual({ events: [4, 5], deliveries: [4, 5], attempts: [4, 5] })
      expect(await readSeqs(scene.sql)).toEqual({ forgotten: 3n, newest: 5n })
      expect(await forget()).toEqual({ events: 0, nextSeq: null })
      // Told by this test alone, of sessions that never were.
      const rules = (await readDifferences(scene.sql)).map(({ rule }) => rule)
      expect(rules.filter((rule) => rule !== 'event-is-not-its-session')).toEqual([])
    },
  )

  test('but for those that wait for their receiver, which hold up no other', async () => {
    await tellEvents(6, { old: 5 })
    await deliver('delivered')
    await setPending([1, 2, 4])
    expect(await forget()).toEqual({ events: 2, nextSeq: null })
    expect((await kept()).events).toEqual([1, 2, 4, 6])
    expect(await readSeqs(scene.sql)).toEqual({ forgotten: 5n, newest: 6n })
  })

  test('but for the newest of all, so that the next one still comes after it', async () => {
    await tellEvents(3, { old: 3 })
    expect(await forget()).toEqual({ events: 2, nextSeq: null })
    await scene.tell(BOB, 'next')
    await scene.published()
    expect((await kept()).events).toEqual([3, 4])
  })

  test('a few at a time, and those that are kept are passed over once', async () => {
    await tellEvents(6, { old: 5 })
    await deliver('delivered')
    await setPending([1, 2])
    expect(await forget(0n, 2)).toEqual({ events: 0, nextSeq: 2n })
    expect(await forget(2n, 2)).toEqual({ events: 2, nextSeq: 4n })
    expect(await forget(4n, 2)).toEqual({ events: 1, nextSeq: null })
  })

  test('by the leader, to the end of what is old', async () => {
    await scene.tellMany(ALICE, 2_500)
    await scene.published()
    await scene.sql`update credits.outbox_event set created_at = now() - interval '31 days' where seq <= 2_400`
    const stop = new AbortController()
    const problems: unknown[] = []
    const forgetting = runForgetting(scene.sql, {
      keepDays: KEEP_DAYS,
      stop: stop.signal,
      onProblem: (error) => problems.push(error),
    })
    await waitUntil(async () => (await readSeqs(scene.sql)).forgotten === 2_400n, {
      withinMs: 10_000,
      what: 'all that is old to be deleted',
    })
    stop.abort()
    await forgetting
    expect([problems, (await kept()).events.length]).toEqual([[], 100])
  })

  test('not if the operator has one redelivered at that moment', async () => {
    await tellEvents(3, { old: 2 })
    await deliver('delivered')
    let commit = () => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let redelivered = () => {}
    const isRedelivered = new Promise<void>((resolve) => {
      redelivered = resolve
    })
    const redelivering = scene.sql.begin(async (tx) => {
      await redeliverWebhooks(tx as never, {
        endpointId: RECEIVER,
        eventId: 1n,
        since: null,
        until: null,
        enable: false,
      })
      redelivered()
      await held
    })
    await isRedelivered
    const forgetting = forget().then(
      () => 'deleted',
      (error: Error) => error.message,
    )
    await waitUntil(
      async () =>
        (
          await scene.sql`
          select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        ).length > 0,
      { withinMs: 5_000, what: 'the deletion to wait' },
    )
    commit()
    await redelivering
    expect(await forgetting).toContain('violates foreign key constraint')
    expect((await kept()).events).toEqual([1, 2, 3])
    expect(await forget()).toEqual({ events: 1, nextSeq: null })
    expect((await kept()).events).toEqual([1, 3])
  })
})

describe('a client that comes back', () => {
  test('from before what is kept is told to load anew, and of nothing as if that were all', async () => {
    await tellEvents(6, { old: 4 })
    await deliver('delivered')
    await setPending([2])
    await forget()
    for (const lastEventId of ['0', '1', '2', '3']) {
      const client = await scene.listen(ALICE, { lastEventId })
      expect((await client.until(2)).map(({ event, id }) => [event, id])).toEqual([
        ['reset', '6'],
        ['balance', '6'],
      ])
      client.leave()
    }
  })

  test('from there on misses nothing', async () => {
    await tellEvents(6, { old: 4 })
    await forget()
    const client = await scene.listen(ALICE, { lastEventId: '4' })
    await client.until(5)
    expect(client.messages.map(({ event, data }) => data.id ?? event)).toEqual([
      'e5',
      'balance',
      'e6',
      'balance',
      'balance',
    ])
  })

  test('is told so too where the deletion comes between its questions', async () => {
    const { events } = fakeDeps()
    let asked = 0
    const seqs = async () => {
      asked += 1
      return { forgotten: asked === 1 ? 0n : 8n, newest: 10n }
    }
    const app = createApp(fakeDeps({ events: { ...events, feed: { ...events.feed, seqs } } }))
    const answer = await app.request('/v1/events', {
      headers: { Authorization: `Bearer ${walletToken}`, 'Last-Event-ID': '7' },
    })
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('event: balance')) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) throw new Error(`the stream ended after ${text}`)
      text += chunk.value
    }
    await reader?.cancel()
    expect(text).toContain('event: reset\nid: 10\n')
  })
})
