import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../appDeps.ts'
import { VolumeSchema, volumeJson } from '../json/accountJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody } from '../request/body.ts'
import { addressField, idField, sizeBytesField } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'

const params = z.object({ id: idField })
const volumeContent = { 'application/json': { schema: VolumeSchema } }
const refusals = ['unauthorized', 'forbidden', 'invalid_request', 'internal_error'] as const

const ReportSchema = z
  .strictObject({ wallet: addressField, sizeBytes: sizeBytesField })
  .openapi('VolumeReport')

/** Adds the routes on which the service reports stored volumes and reads what they cost. */
export function addVolumeRoutes(app: Api, deps: RouteDeps): void {
  addPutRoute(app, deps)
  addReadRoute(app, deps)
  addDeleteRoute(app, deps)
}

function sharedBy(deps: RouteDeps) {
  return {
    path: '/v1/volumes/{id}' as const,
    tags: ['Storage'],
    security: [{ serviceKey: [] }],
    middleware: [deps.requireKey('service')],
  }
}

function addPutRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    method: 'put',
    summary: 'Report that a volume is stored, and its size',
    description: 'Idempotent. Up to now it is billed at the size it had. A deleted one begins anew.',
    middleware: [deps.requireKey('service'), jsonBody()],
    request: {
      params,
      body: { required: true, content: { 'application/json': { schema: ReportSchema } } },
    },
    responses: {
      200: { description: 'The volume.', content: volumeContent },
      ...problemResponses(
        ...refusals,
        'malformed_json',
        'volume_conflict',
        'body_too_large',
        'unsupported_media_type',
      ),
    },
  })
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const { wallet, sizeBytes } = c.req.valid('json')
    const result = await deps.volumes.put({ id, account: wallet, sizeBytes })
    switch (result.kind) {
      case 'stored':
        return c.json(volumeJson(result.volume), 200)
      case 'conflict':
        return problem(c, 'volume_conflict', `${id} is a stored volume of another wallet.`)
    }
  })
}

function addReadRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    method: 'get',
    summary: 'A stored volume and what it has cost',
    request: { params },
    responses: {
      200: { description: 'The volume.', content: volumeContent },
      ...problemResponses(...refusals, 'volume_not_found'),
    },
  })
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const volume = await deps.volumes.read(id)
    if (volume === null || volume.deletedAt !== null) {
      return problem(c, 'volume_not_found', `There is no stored volume ${id}.`)
    }
    return c.json(volumeJson(volume), 200)
  })
}

function addDeleteRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    ...sharedBy(deps),
    method: 'delete',
    summary: 'Report that a volume is gone',
    description: 'Bills to this moment. Idempotent: one that is gone stays as it was.',
    request: { params },
    responses: {
      200: { description: 'The volume as it was.', content: volumeContent },
      ...problemResponses(...refusals, 'volume_not_found'),
    },
  })
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const volume = await deps.volumes.remove(id)
    if (volume === null) return problem(c, 'volume_not_found', `No volume ${id} was ever reported.`)
    return c.json(volumeJson(volume), 200)
  })
}
