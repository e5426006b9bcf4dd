import { createRoute, z } from '@hono/zod-openapi'
import type { Address } from 'viem'
import type { Api } from '../appDeps.ts'
import { problem, problemResponses } from '../problem.ts'
import type { RouteDeps } from '../request/guards.ts'
import { bearerToken } from '../request/guards.ts'
import { type EventStreamTimes, eventStreams } from './eventStreams.ts'

const MAX_STREAMS_PER_WALLET = 5
const MAX_STREAMS = 5_000
const RETRY_SECONDS = 5

const TIMES: EventStreamTimes = { heartbeatMs: 15_000, stalledMs: 20_000 }

/** `no-transform`: a proxy that compresses would hold events back; X-Accel-Buffering stops nginx from buffering them. */
const headers = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  // The connection ends with the stream, so none is left open when we stop.
  Connection: 'close',
}

const description = [
  'Server-Sent Events, each with JSON as its data: `deposit` (as in /v1/transactions), `session` (as a heartbeat',
  'answers), `volume` (as in /v1/volumes/{id}), `balance` (as in /v1/balance) after each of the first two, whenever it',
  'runs low, and once at the beginning. What happened is told as it was, in one order; amounts and confirmations are those',
  'of the moment of telling. Resume with Last-Event-ID: nothing is lost, the last one may come again. After more than 1000',
  'missed events, or so long that they are deleted, `reset` says to load anew. A client that does not read is disconnected.',
  '',
  'A pending deposit is also told at the beginning and whenever its confirmations change, as `deposit` without an id: it',
  'does not change from where the client resumes, and of several changes only the latest may come.',
].join('\n')

/** Adds GET /v1/events: a wallet's own events as they happen. */
export function addEventsRoute(app: Api, deps: RouteDeps, times: EventStreamTimes = TIMES): void {
  const streams = eventStreams(deps, times)
  const perWallet = new Map<Address, number>()
  let all = 0

  const route = createRoute({
    method: 'get',
    path: '/v1/events',
    tags: ['Wallet'],
    security: [{ walletToken: [] }],
    middleware: deps.requireWallet,
    summary: 'What happens to my account, as it happens',
    description,
    request: {
      headers: z.object({
        'last-event-id': z.string().optional().openapi({ description: 'The id of the last event seen.' }),
      }),
    },
    responses: {
      200: {
        description: 'A stream that does not end.',
        content: { 'text/event-stream': { schema: z.string() } },
      },
      ...problemResponses('unauthorized', 'forbidden', 'rate_limited', 'internal_error', 'overloaded'),
    },
  })

  app.openapi(route, (c) => {
    const wallet = c.get('wallet')
    const token = bearerToken(c)
    if (token === null) throw new Error('a wallet without its token')
    const ofWallet = perWallet.get(wallet) ?? 0
    if (ofWallet >= MAX_STREAMS_PER_WALLET) {
      return problem(c, 'rate_limited', `A wallet may have ${MAX_STREAMS_PER_WALLET} streams.`, {
        retryAfterSeconds: RETRY_SECONDS,
      })
    }
    if (all >= MAX_STREAMS || deps.events.feed.stopped.aborted) {
      return problem(c, 'overloaded', 'No more streams can be had here now.', {
        retryAfterSeconds: RETRY_SECONDS,
      })
    }
    // Nobody would ever read or cancel the body of an answer to HEAD.
    if (c.req.raw.method === 'HEAD') return c.body('', 200, headers)
    all += 1
    perWallet.set(wallet, ofWallet + 1)
    const onEnd = () => {
      all -= 1
      const left = (perWallet.get(wallet) ?? 1) - 1
      if (left === 0) perWallet.delete(wallet)
      else perWallet.set(wallet, left)
    }
    const socket = c.env?.incoming?.socket ?? null
    const lastEventId = c.req.valid('header')['last-event-id'] ?? null
    return c.body(streams({ wallet, token, lastEventId, socket, onEnd }), 200, headers)
  })
}
