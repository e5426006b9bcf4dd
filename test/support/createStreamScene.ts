import { OpenAPIHono } from '@hono/zod-openapi'
import { expect } from 'vitest'
import type { ApiEnv } from '../../billing/api/appDeps.ts'
import { createApp } from '../../billing/api/createApp.ts'
import { requireWallet } from '../../billing/api/request/guards.ts'
import { type Serving, serve } from '../../billing/api/serve.ts'
import { addEventsRoute } from '../../billing/api/stream/eventRoutes.ts'
import type { EventStreamTimes } from '../../billing/api/stream/eventStreams.ts'
import { readDeposits } from '../../billing/deposits/depositViews.ts'
import { openDepositProgress } from '../../billing/deposits/openDepositProgress.ts'
import { openEventFeed } from '../../billing/events/openEventFeed.ts'
import { runPublisher } from '../../billing/events/runPublisher.ts'
import { storageRate } from '../../billing/metering/accrueStorage.ts'
import { meterLimits } from '../../billing/metering/meterSessions.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { readVolume } from '../../billing/metering/volumes.ts'
import { config, fakeDeps } from '../unit/api/fakeDeps.ts'
import { createTestDatabase } from './createTestDatabase.ts'
import { waitUntil } from './waitUntil.ts'

type Address = `0x${string}`

export interface StreamMessage {
  event: string
  /** Empty where it has none. */
  id: string
  data: Record<string, unknown>
}

/** Somebody who listens. */
export interface StreamClient {
  messages: StreamMessage[]
  /** All that came, comments too. */
  text: string
  isOver: boolean
  leave(): void
  /** Waits for so many messages. */
  until(count: number): Promise<StreamMessage[]>
}

export interface AskOptions {
  url?: string
  lastEventId?: string
  method?: string
  signal?: AbortSignal
}

/** Event streams over HTTP on a real database, where each wallet's token is its own address. */
export type StreamScene = Awaited<ReturnType<typeof createStreamScene>>

export async function createStreamScene() {
  const database = await createTestDatabase()
  const { sql } = database
  const stop = new AbortController()
  const clients: AbortController[] = []
  const expired = new Set<string>()
  const limits = meterLimits(config)
  const rate = storageRate(config)
  const onProblem = (error: unknown): never => {
    throw error
  }
  const running = [runPublisher(sql, { endpointId: null, stop: stop.signal, onProblem })]

  async function deps() {
    const { signal } = stop
    const feed = await openEventFeed(sql, { stop: signal, onProblem })
    const confirmationsRequired = () => 6
    const progress = await openDepositProgress(sql, { confirmationsRequired, stop: signal, onProblem })
    running.push(feed.over, progress.over)
    const fake = fakeDeps()
    return fakeDeps({
      events: { feed, progress, readDeposits: (ids) => readDeposits(sql, confirmationsRequired, { ids }) },
      metering: { ...fake.metering, readAccount: (address) => readAccount(sql, limits, address) },
      volumes: { ...fake.volumes, read: (id) => readVolume(sql, rate, id) },
      walletTokens: {
        addressOf: async (token) =>
          /^0x[0-9a-f]{40}$/.test(token) && !expired.has(token) ? (token as Address) : null,
      },
    })
  }
  const serving = await serve(createApp(await deps()), { host: '127.0.0.1', port: 0 })

  /** The route alone, with other patience. */
  async function servedWith(times: EventStreamTimes): Promise<Serving> {
    const dependencies = await deps()
    const app = new OpenAPIHono<ApiEnv>()
    const refuse = () => {
      throw new Error('not of this test')
    }
    const guards = {
      requireKey: refuse,
      requireWallet: requireWallet(config, dependencies.walletTokens),
      rateLimit: refuse,
      hashBudget: refuse,
    }
    addEventsRoute(app, { ...dependencies, ...guards }, times)
    return serve(app, { host: '127.0.0.1', port: 0 })
  }

  /** Asks for a stream and leaves it unread. */
  const ask = (
    wallet: string,
    { url = serving.url, lastEventId = '', method = 'GET', signal = stop.signal }: AskOptions = {},
  ) =>
    fetch(`${url}/v1/events`, {
      method,
      signal,
      headers: {
        Authorization: `Bearer ${wallet}`,
        ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}),
      },
    })

  /** A signal that ends what was asked with it, at the end of the test at the latest. */
  function untilLeft(): AbortController {
    const leaving = new AbortController()
    clients.push(leaving)
    return leaving
  }

  async function listen(wallet: string, options: AskOptions = {}): Promise<StreamClient> {
    const leaving = untilLeft()
    const answer = await ask(wallet, { ...options, signal: leaving.signal })
    expect(answer.status).toBe(200)
    const client: StreamClient = {
      messages: [],
      text: '',
      isOver: false,
      leave: () => leaving.abort(),
      until: (count) =>
        waitUntil(() => client.messages.length >= count && client.messages, {
          withinMs: 20_000,
          what: `${count} messages`,
        }).catch((error: Error) => {
          const { messages } = client
          throw new Error(`${error.message}; ${messages.length} came: ${JSON.stringify(messages.slice(-5))}`)
        }),
    }
    void read(answer, client)
    return client
  }

  /** An event of a session that need not exist; its id says which it is. */
  const tell = (wallet: Address, id: string, on: Pick<typeof sql, 'json'> & typeof sql = sql) => on`
    insert into credits.outbox_event (kind, account, payload) values ('session.started', ${wallet}, ${on.json(
      {
        id,
        profile: 'small',
        gpus: 1,
        state: 'running',
        endReason: null,
        startedAt: '2026-01-01T00:00:00Z',
        totalBilledMicros: '0',
      },
    )})`

  const tellMany = (wallet: Address, count: number) => sql`
    insert into credits.outbox_event (kind, account, payload)
    select 'session.started', ${wallet}, jsonb_build_object('id', repeat('s', 100) || n, 'profile', 'small', 'gpus', 1,
      'state', 'running', 'endReason', null, 'startedAt', '2026-01-01T00:00:00Z', 'totalBilledMicros', '0')
    from generate_series(1, ${count}) n`

  async function published(): Promise<void> {
    await waitUntil(
      async () => (await sql`select from credits.outbox_event where seq is null limit 1`).length === 0,
      { withinMs: 10_000, what: 'everything to be published' },
    )
  }

  return {
    database,
    sql,
    limits,
    rate,
    stop,
    serving,
    /** Tokens that are no longer good. */
    expired,
    servedWith,
    ask,
    untilLeft,
    listen,
    tell,
    tellMany,
    published,
    async end() {
      for (const client of clients) client.abort()
      stop.abort()
      await Promise.all([...running, serving.close()])
      await database.drop()
    },
  }
}

async function read(answer: Response, client: StreamClient): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const chunk of answer.body ?? []) {
      const text = decoder.decode(chunk, { stream: true })
      client.text += text
      rest += text
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const match = /^event: (.*)\n(?:id: (.*)\n)?data: (.*)$/.exec(block)
        if (match === null) continue
        const [, event = '', id = '', data = ''] = match
        client.messages.push({ event, id, data: JSON.parse(data) })
      }
    }
  } catch {
    // Cut: the messages say how far it came.
  }
  client.isOver = true
}
