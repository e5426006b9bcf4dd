import { randomUUID } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import type { MeteredSession } from '../../metering/meterSessions.ts'
import type { Api } from '../appDeps.ts'
import { HeartbeatSchema, heartbeatJson, SessionSchema, sessionJson } from '../json/sessionJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody, noBody } from '../request/body.ts'
import { addressField, idField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'

const MAX_BATCH = 1_000
/** A thousand ids of 128 characters, with room for layout. */
const MAX_BATCH_BYTES = 256 * 1024
const OVERLOADED_RETRY_SECONDS = 1

const sessionContent = { 'application/json': { schema: SessionSchema } }
const heartbeatContent = { 'application/json': { schema: HeartbeatSchema } }
const params = z.object({ id: idField })

const NewSessionSchema = z
  .strictObject({
    wallet: addressField,
    profile: z.string().max(64).openapi({ description: 'One of those that /v1/config names.' }),
    id: idField.optional().openapi({
      description:
        'Yours to choose, the same on every retry, another for every session: that of an ended one is a conflict. ' +
        'Without one, every request starts another session.',
    }),
  })
  .openapi('NewSession')

const UnknownSchema = z
  .strictObject({ id: z.string(), error: z.enum(['session_not_found']) })
  .openapi('UnknownSession')

const BatchSchema = z
  .strictObject({ sessionIds: z.array(idField).min(1).max(MAX_BATCH) })
  .openapi('HeartbeatBatch')

const ResultsSchema = z
  .strictObject({ results: z.array(z.union([HeartbeatSchema, UnknownSchema])) })
  .openapi('HeartbeatResults')

/** Adds the routes for sessions: start one, report that one or many run, release one. */
export function addSessionRoutes(app: Api, deps: RouteDeps): void {
  addStartRoute(app, deps)
  addHeartbeatRoute(app, deps)
  addBatchRoute(app, deps)
  addReleaseRoute(app, deps)
}

function sharedBy(deps: RouteDeps) {
  return {
    method: 'post' as const,
    tags: ['Sessions'],
    security: [{ serviceKey: [] }],
    middleware: [deps.requireKey('service'), noBody()],
  }
}

const keyRefusals = ['unauthorized', 'forbidden', 'internal_error'] as const
const bodyRefusals = [
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'invalid_request',
] as const

function addStartRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    path: '/v1/sessions',
    summary: 'Start a session',
    description: 'Needs credit for a minute of this session and of all that run. Billed by its heartbeats.',
    middleware: [deps.requireKey('service'), jsonBody()],
    request: { body: { required: true, content: { 'application/json': { schema: NewSessionSchema } } } },
    responses: {
      200: {
        description: 'The same id again while it lives: the session as it is.',
        content: sessionContent,
      },
      201: { description: 'Started.', content: sessionContent },
      ...problemResponses(...keyRefusals, ...bodyRefusals, 'insufficient_credit', 'session_conflict'),
    },
  })
  app.openapi(route, async (c) => {
    const { wallet, profile, id = randomUUID() } = c.req.valid('json')
    const { profiles } = deps.config
    // An own property only: `constructor` is not a profile.
    const gpus = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined
    if (gpus === undefined) {
      const faults = [{ in: 'json', path: 'profile', message: 'is not a profile of /v1/config' }]
      return problem(c, 'invalid_request', 'There is no such profile.', { faults })
    }
    const started = await deps.metering.start({ id, account: wallet, profile, gpus })
    switch (started.kind) {
      case 'created':
        return c.json(sessionJson(started.session), 201)
      case 'existing':
        return c.json(sessionJson(started.session), 200)
      case 'conflict':
        return problem(
          c,
          'session_conflict',
          `${id} is a session of another wallet or profile, or has ended.`,
        )
      case 'insufficient_credit':
        return problem(
          c,
          'insufficient_credit',
          `${wallet} cannot pay for a minute of it and of all it runs.`,
        )
    }
  })
}

function addHeartbeatRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    path: '/v1/sessions/{id}/heartbeat',
    summary: 'Report that a session still runs',
    description:
      'Bills the time since it was billed last. Answered once that is durable; repeated, it bills (almost) nothing.',
    request: { params },
    responses: {
      200: { description: 'The session after it; ended ones are answered too.', content: heartbeatContent },
      ...problemResponses(...keyRefusals, ...bodyRefusals, 'session_not_found', 'overloaded'),
    },
  })
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const beat = await deps.metering.beat(id)
    switch (beat.kind) {
      case 'metered':
        return c.json(heartbeatJson(beat.session), 200)
      case 'unknown':
        return problem(c, 'session_not_found', `There is no session ${id}.`)
      case 'overloaded':
        return problem(c, 'overloaded', 'Too many heartbeats wait already.', {
          retryAfterSeconds: OVERLOADED_RETRY_SECONDS,
        })
    }
  })
}

function addBatchRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    path: '/v1/heartbeats',
    summary: 'Report that many sessions still run',
    description: `Up to ${MAX_BATCH} at once, billed together: all of them or, on an error, none.`,
    middleware: [deps.requireKey('service'), jsonBody({ maxBytes: MAX_BATCH_BYTES })],
    request: { body: { required: true, content: { 'application/json': { schema: BatchSchema } } } },
    responses: {
      200: {
        description: 'One result for each id, in the order asked; an id that is there twice is billed once.',
        content: { 'application/json': { schema: ResultsSchema } },
      },
      ...problemResponses(...keyRefusals, ...bodyRefusals, 'overloaded'),
    },
  })
  app.openapi(route, async (c) => {
    const { sessionIds } = c.req.valid('json')
    const beaten = await deps.metering.beatMany([...new Set(sessionIds)])
    switch (beaten.kind) {
      case 'metered':
        return c.json({ results: resultsInOrder(sessionIds, beaten.sessions) }, 200)
      case 'overloaded':
        return problem(c, 'overloaded', 'Too many batches wait already; nothing was billed.', {
          retryAfterSeconds: OVERLOADED_RETRY_SECONDS,
        })
    }
  })
}

function resultsInOrder(ids: string[], sessions: MeteredSession[]) {
  const byId = new Map(sessions.map((session) => [session.id, session]))
  return ids.map((id) => {
    const session = byId.get(id)
    if (session === undefined) return { id, error: 'session_not_found' as const }
    // If the id is repeated, its bill was already reported.
    byId.set(id, { ...session, billedMicros: 0n })
    return heartbeatJson(session)
  })
}

function addReleaseRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    path: '/v1/sessions/{id}/release',
    summary: 'End a session',
    description: 'Bills to this moment. Idempotent: one that has ended stays as it ended.',
    request: { params },
    responses: {
      200: { description: 'The session as it ended.', content: heartbeatContent },
      ...problemResponses(...keyRefusals, ...bodyRefusals, 'session_not_found'),
    },
  })
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const session = await deps.metering.release(id)
    if (session === null) return problem(c, 'session_not_found', `There is no session ${id}.`)
    return c.json(heartbeatJson(session), 200)
  })
}
