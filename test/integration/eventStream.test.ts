import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adjust } from '../../billing/ledger/adjust.ts'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { meterSessions } from '../../billing/metering/meterSessions.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import { createMeterClock } from '../support/createMeterClock.ts'
import { createStreamScene, type StreamClient, type StreamScene } from '../support/createStreamScene.ts'
import { creditTestDeposit } from '../support/creditTestDeposit.ts'
import { waitUntil } from '../support/waitUntil.ts'
import { serviceKey } from '../unit/api/fakeDeps.ts'

type Address = `0x${string}`
const addressOf = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const ALICE = addressOf(0xa1)
const BOB = addressOf(0xb0b)

let scene: StreamScene

beforeEach(async () => {
  scene = await createStreamScene()
})
afterEach(() => scene.end())

let keys = 0
async function give(wallet: Address, minutes: bigint) {
  keys += 1
  const idempotencyKey = `stream-${keys}`
  await adjust(scene.sql, { wallet, micros: minutes * 60_000_000n, reason: 'test', idempotencyKey })
}

const told = ({ messages }: StreamClient) =>
  messages.flatMap(({ event, data }) => (event === 'session' ? [String(data.id)] : []))

describe('what is told', () => {
  test('the balance first, then each event of the own account as it happens', async () => {
    const answer = await scene.ask(ALICE)
    expect(answer.headers.get('Content-Type')).toBe('text/event-stream')
    expect(answer.headers.get('Cache-Control')).toBe('no-store, no-transform')
    expect(answer.headers.get('X-Accel-Buffering')).toBe('no')
    await answer.body?.cancel()

    const clock = await createMeterClock(scene.sql)
    await give(ALICE, 60n)
    await give(BOB, 60n)
    const client = await scene.listen(ALICE)
    expect((await client.until(1))[0]).toEqual({
      event: 'balance',
      id: '0',
      data: expect.objectContaining({ address: ALICE, balanceMinutes: '60' }),
    })
    expect(client.text).toMatch(/^retry: 2000\n\n/)

    await startSession(scene.sql, scene.limits, { id: 'bob', account: BOB, profile: 'max', gpus: 8 })
    await startSession(scene.sql, scene.limits, { id: 's', account: ALICE, profile: 'small', gpus: 1 })
    await client.until(3)
    await clock.pass(60)
    await meterSessions(scene.sql, scene.limits, ['s'], 'release')
    const [, started, burning, ended, left] = await client.until(5)
    expect(started).toMatchObject({
      event: 'session',
      data: {
        id: 's',
        state: 'running',
        endReason: null,
        billedMicros: '0',
        totalBilledMicros: '0',
        low: false,
      },
    })
    expect(burning).toMatchObject({
      event: 'balance',
      id: started?.id,
      data: { burnMicrosPerMinute: '60000000' },
    })
    expect(ended).toMatchObject({
      event: 'session',
      data: { id: 's', state: 'ended', endReason: 'released', billedMicros: '0', totalBilledMinutes: '1' },
    })
    expect(left).toMatchObject({ event: 'balance', data: { balanceMinutes: '59', burnMicrosPerMinute: '0' } })
  })

  test('a deposit in the state of each event, though it has moved on since', async () => {
    const hash = `0x${'1'.repeat(64)}`
    const id = `1-${hash}-usdc-${ALICE}`
    await scene.sql`
      insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number,
        block_hash, block_timestamp, credit_micros)
      values (${id}, 1, ${hash}, 'usdc:1', ${ALICE}, 'credited', 1000000, 7, ${hash}, now(), 3600000000)`
    const client = await scene.listen(ALICE)
    await client.until(1)
    const { sql } = scene
    await sql`
      insert into credits.outbox_event (kind, account, payload)
      select kind, ${ALICE}, ${sql.json({ id, reason: 'below_minimum' })}
      from unnest(array['deposit.pending', 'deposit.held', 'deposit.credited']) kind`
    const seen = (await client.until(7)).slice(1)
    expect(seen.map(({ event }) => event)).toEqual([
      'deposit',
      'balance',
      'deposit',
      'balance',
      'deposit',
      'balance',
    ])
    expect(seen.filter(({ event }) => event === 'deposit').map(({ data }) => data)).toEqual([
      expect.objectContaining({ id, state: 'pending', creditMicros: null, confirmationsRequired: 6 }),
      expect.objectContaining({ id, state: 'held', reason: 'below_minimum', creditMicros: null }),
      expect.objectContaining({ id, state: 'credited', reason: null, creditMinutes: '60' }),
    ])
  })

  test('a volume that owes, and a balance that runs low', async () => {
    const clock = await createMeterClock(scene.sql)
    await give(ALICE, 5n)
    const client = await scene.listen(ALICE)
    await client.until(1)
    await startSession(scene.sql, scene.limits, { id: 's', account: ALICE, profile: 'small', gpus: 1 })
    await client.until(4)
    await meterSessions(scene.sql, scene.limits, ['s'], 'release')
    await putVolume(scene.sql, scene.rate, { id: 'v', account: ALICE, sizeBytes: 1024n ** 4n })
    await clock.pass(86_400)
    await accrueStorage(scene.sql, scene.rate)
    const messages = await waitUntil(
      () => client.messages.filter(({ event }) => event === 'volume').length >= 2 && client.messages,
      { withinMs: 10_000, what: 'the warnings' },
    )
    expect(messages.find(({ event, data }) => event === 'balance' && data.low === true)).toBeDefined()
    expect(messages.findLast(({ event }) => event === 'volume')?.data).toMatchObject({
      id: 'v',
      wallet: ALICE,
    })
  })

  test('nothing of a volume that is somebody else’s by now', async () => {
    const clock = await createMeterClock(scene.sql)
    const client = await scene.listen(ALICE)
    const [first] = await client.until(1)
    client.leave()
    await putVolume(scene.sql, scene.rate, { id: 'v', account: ALICE, sizeBytes: 1024n ** 4n })
    await clock.pass(86_400)
    await accrueStorage(scene.sql, scene.rate)
    await deleteVolume(scene.sql, scene.rate, 'v')
    await putVolume(scene.sql, scene.rate, { id: 'v', account: BOB, sizeBytes: 7n })
    await give(ALICE, 5_000n)
    await startSession(scene.sql, scene.limits, { id: 's', account: ALICE, profile: 'small', gpus: 1 })
    const back = await scene.listen(ALICE, { lastEventId: first?.id ?? '' })
    await waitUntil(() => back.messages.some(({ event }) => event === 'session'), {
      withinMs: 10_000,
      what: 'what happened after it to be told',
    })
    expect(back.text).not.toContain(BOB)
    expect(back.messages.filter(({ event }) => event === 'volume')).toEqual([])
  })

  test('a session that runs out and is paid for again', async () => {
    const clock = await createMeterClock(scene.sql)
    // Bought and spent long ago, so that there is grace.
    const longAgo = { payer: ALICE, micros: 1_200n * 60_000_000n, word: 'long ago' }
    await creditTestDeposit(scene.sql, scene.limits, longAgo)
    await give(ALICE, -1_199n)
    const client = await scene.listen(ALICE)
    await client.until(1)
    await startSession(scene.sql, scene.limits, { id: 's', account: ALICE, profile: 'small', gpus: 1 })
    await clock.pass(60)
    await meterSessions(scene.sql, scene.limits, ['s'], 'beat')
    await give(ALICE, 60n)
    await clock.pass(30)
    await meterSessions(scene.sql, scene.limits, ['s'], 'beat')
    const states = () =>
      client.messages.flatMap(({ event, data }) => (event === 'session' ? [data.state] : []))
    await waitUntil(() => states().length === 3, { withinMs: 10_000, what: 'all to be told' })
    expect(states()).toEqual(['running', 'grace', 'running'])
    await waitUntil(() => client.messages.at(-1)?.event === 'balance', {
      withinMs: 10_000,
      what: 'the balance after it',
    })
    expect(client.messages.at(-1)?.data).toMatchObject({
      balanceMinutes: '59.5',
      graceRemainingSeconds: null,
    })
  })

  test('nothing to whoever has no token of a wallet', async () => {
    expect((await fetch(`${scene.serving.url}/v1/events`)).status).toBe(401)
    expect((await scene.ask('unknown')).status).toBe(401)
    expect((await scene.ask(serviceKey)).status).toBe(403)
  })
})

describe('resuming', () => {
  test('tells what was missed, then the balance, and nothing twice', async () => {
    const before = await scene.listen(ALICE)
    await before.until(1)
    await scene.tell(ALICE, 'first')
    const [, , last] = await before.until(3)
    before.leave()
    await scene.tell(ALICE, 'second')
    await scene.tell(BOB, 'of another')
    await scene.tell(ALICE, 'third')
    await scene.published()

    const after = await scene.listen(ALICE, { lastEventId: last?.id ?? '' })
    await after.until(5)
    await scene.tell(ALICE, 'fourth')
    await after.until(7)
    expect(after.messages.map(({ event, data }) => (event === 'session' ? data.id : event))).toEqual([
      'second',
      'balance',
      'third',
      'balance',
      'balance',
      'fourth',
      'balance',
    ])
  })

  test('loses nothing of what becomes visible out of the order of its ids', async () => {
    const client = await scene.listen(ALICE)
    await client.until(1)
    let commit = () => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let inserted = () => {}
    const isInserted = new Promise<void>((resolve) => {
      inserted = resolve
    })
    const slow = scene.sql.begin(async (tx) => {
      await scene.tell(ALICE, 'lower id', tx as never)
      inserted()
      await held
    })
    await isInserted
    await scene.tell(ALICE, 'higher id')
    const [, , balance] = await client.until(3)
    client.leave()
    commit()
    await slow
    const again = await scene.listen(ALICE, { lastEventId: balance?.id ?? '' })
    await again.until(2)
    expect([...told(client), ...told(again)]).toEqual(['higher id', 'lower id'])
  })

  test('over and over while many commit at once loses nothing and tells nothing twice', async () => {
    const events = 300
    const writers = Promise.all(
      Array.from({ length: 10 }, async (_, writer) => {
        for (let i = writer; i < events; i += 10) {
          await scene.sql.begin(async (tx) => {
            await scene.tell(ALICE, `s${i}`, tx as never)
            await tx`select pg_sleep(random() * 0.02)`
          })
        }
      }),
    )
    const seen: string[] = []
    let lastEventId = '0'
    await waitUntil(
      async () => {
        const client = await scene.listen(ALICE, { lastEventId })
        const left = events - seen.length
        await client.until(1 + Math.floor(Math.random() * Math.min(30, 2 * left)))
        client.leave()
        seen.push(...told(client))
        lastEventId = client.messages.at(-1)?.id ?? lastEventId
        return seen.length >= events
      },
      { withinMs: 30_000, what: 'all events to be told', everyMs: 0 },
    )
    await writers
    expect(new Set(seen).size).toBe(events)
    expect(seen).toHaveLength(events)
  })

  test('after more than a thousand missed events the client is told to load anew', async () => {
    await scene.tellMany(ALICE, 1_000)
    await scene.published()
    const whole = await scene.listen(ALICE, { lastEventId: '0' })
    await whole.until(2_001)
    expect(told(whole)).toHaveLength(1_000)
    await scene.tell(ALICE, 'one more')
    await whole.until(2_003)

    const reset = await scene.listen(ALICE, { lastEventId: '0' })
    expect((await reset.until(2)).map(({ event, id }) => [event, id])).toEqual([
      ['reset', '1001'],
      ['balance', '1001'],
    ])
  })

  test.each(['1000', 'x', '-1', '1.5', '9'.repeat(30)])(
    'from %s, which was never given, too',
    async (lastEventId) => {
      const client = await scene.listen(ALICE, { lastEventId })
      expect((await client.until(2)).map(({ event }) => event)).toEqual(['reset', 'balance'])
    },
  )
})

describe('what streams may cost', () => {
  test('a client that does not read is cut off, and nobody else notices', async () => {
    const short = await scene.servedWith({ heartbeatMs: 15_000, stalledMs: 3_000 })
    const { url } = short
    const other = await scene.listen(ALICE, { url })
    await other.until(1)
    const deaf = await scene.ask(ALICE, { url, signal: scene.untilLeft().signal })
    for (let i = 0; i < 25; i += 1) {
      await scene.tellMany(ALICE, 500)
      await other.until(1 + (i + 1) * 1_000)
    }
    // With three more the wallet has all the streams it may have, until the one that does not read is gone.
    await Promise.all(Array.from({ length: 3 }, () => scene.listen(ALICE, { url })))
    await waitUntil(async () => (await scene.ask(ALICE, { url })).status === 200, {
      withinMs: 20_000,
      what: 'the one that does not read to be cut off',
      everyMs: 100,
    })
    // What it did not read was never put aside for it: what it reads now breaks off.
    let got = 0
    try {
      for await (const chunk of deaf.body ?? []) got += chunk.length
    } catch {
      // Broken off in the middle, or at an end: fetch takes both for one.
    }
    expect(got).toBeLessThan(other.text.length)
    await scene.tell(ALICE, 'still there')
    await other.until(25_003)
    await short.close()
  }, 400_000)

  test('a wallet has five streams, and room again when they are left', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => scene.listen(ALICE)))
    const other = await scene.listen(BOB)
    await Promise.all([...all, other].map((client) => client.until(1)))
    const refused = await scene.ask(ALICE)
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([429, '5'])
    expect(await refused.json()).toMatchObject({ code: 'rate_limited' })

    await scene.tell(ALICE, 'one')
    for (const client of all) await client.until(3)
    expect(other.messages).toHaveLength(1)
    for (const client of all) client.leave()
    await waitUntil(async () => (await scene.ask(ALICE)).status === 200, {
      withinMs: 10_000,
      what: 'room again',
    })
  })

  test('HEAD opens no stream', async () => {
    for (let i = 0; i < 6; i += 1) expect((await scene.ask(ALICE, { method: 'HEAD' })).status).toBe(200)
    await (await scene.listen(ALICE)).until(1)
  })

  test('an idle stream says that it is there', async () => {
    const short = await scene.servedWith({ heartbeatMs: 50, stalledMs: 500 })
    const client = await scene.listen(ALICE, { url: short.url })
    await waitUntil(() => client.text.split('\n').filter((line) => line === ':').length >= 3, {
      withinMs: 10_000,
      what: 'three comments',
    })
    expect(client.messages).toHaveLength(1)
    client.leave()
    await short.close()
  })
})

describe('a stream ends', () => {
  test('when its token does: what happens after that it is not told', async () => {
    const client = await scene.listen(ALICE)
    await client.until(1)
    scene.expired.add(ALICE)
    await scene.tell(ALICE, 'too late')
    await waitUntil(() => client.isOver, { withinMs: 10_000, what: 'the stream to end' })
    expect(client.messages).toHaveLength(1)
    expect((await scene.ask(ALICE)).status).toBe(401)
  })

  test('when the process stops, long before its connections are cut anyway, also for clients that do not read', async () => {
    const streams = await Promise.all(Array.from({ length: 20 }, (_, i) => scene.listen(addressOf(i + 1))))
    await Promise.all(streams.map((client) => client.until(1)))
    const leaving = scene.untilLeft()
    await scene.ask(ALICE, { signal: leaving.signal })
    await scene.tellMany(ALICE, 500)
    await scene.published()
    const startedAt = performance.now()
    scene.stop.abort()
    await scene.serving.close()
    expect(performance.now() - startedAt).toBeLessThan(4_000)
    await waitUntil(() => streams.every(({ isOver }) => isOver), { withinMs: 10_000, what: 'all to be over' })
  })
})
