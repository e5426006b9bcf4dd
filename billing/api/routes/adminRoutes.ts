import { createRoute, z } from '@hono/zod-openapi'
import { depositStates } from '../../deposits/schema.ts'
import type { Api } from '../appDeps.ts'
import { EntrySchema, entryJson } from '../json/accountJson.ts'
import { bigintText, formatMinutes, minutesText } from '../json/amounts.ts'
import { AdminDepositSchema, adminDepositJson, depositReasonSchema } from '../json/depositJson.ts'
import { problem, problemResponses } from '../problem.ts'
import { jsonBody } from '../request/body.ts'
import { addressField, parseMinutes } from '../request/fields.ts'
import type { RouteDeps } from '../request/guards.ts'
import { pageJson, pageQuery, pageRequest, pageSchema } from '../request/pages.ts'

const minutesField = z
  .string()
  .refine(
    (text) => parseMinutes(text) !== null,
    'must be a decimal string, not zero, with at most 6 decimals',
  )
  .transform((text) => parseMinutes(text) ?? 0n)
  .openapi({ type: 'string', pattern: '^-?(0|[1-9][0-9]{0,11})(\\.[0-9]{1,6})?$', example: '-12.5' })

const AdjustmentSchema = z
  .strictObject({
    wallet: addressField,
    minutes: minutesField,
    reason: z.string().min(1).max(500).regex(/\S/, 'must not be blank'),
  })
  .openapi('Adjustment')

const AdjustedSchema = z
  .strictObject({
    entry: EntrySchema,
    address: z.string(),
    balanceMicros: bigintText.openapi({ description: 'Right after this entry.' }),
    balanceMinutes: minutesText,
  })
  .openapi('Adjusted')

/** Adds the operator's routes: adjust an account, and list deposits by state and reason. */
export function addAdminRoutes(app: Api, deps: RouteDeps): void {
  addAdjustmentRoute(app, deps)
  addDepositListRoute(app, deps)
}

function addAdjustmentRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/v1/admin/adjustments',
    tags: ['Operator'],
    summary: 'Raise or lower an account by hand',
    description: 'Repeated with the same Idempotency-Key and body it answers the same and posts nothing.',
    security: [{ adminKey: [] }],
    middleware: [deps.requireKey('admin'), jsonBody()],
    request: {
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
          .openapi({ description: 'Yours to choose, the same on every retry.' }),
      }),
      body: { required: true, content: { 'application/json': { schema: AdjustmentSchema } } },
    },
    responses: {
      200: {
        description: 'The posting, of now or of the first time.',
        content: { 'application/json': { schema: AdjustedSchema } },
      },
      ...problemResponses(
        'malformed_json',
        'idempotency_key_required',
        'unauthorized',
        'forbidden',
        'idempotency_key_reused',
        'body_too_large',
        'unsupported_media_type',
        'invalid_request',
        'balance_out_of_range',
        'internal_error',
      ),
    },
  })
  app.openapi(route, async (c) => {
    const { wallet, minutes: micros, reason } = c.req.valid('json')
    const idempotencyKey = c.req.valid('header')['Idempotency-Key']
    const result = await deps.ledger.adjust({ wallet, micros, reason, idempotencyKey })
    switch (result.kind) {
      case 'posted':
      case 'repeated':
        return c.json(
          {
            entry: entryJson(result.entry),
            address: wallet,
            balanceMicros: result.balanceMicros.toString(),
            balanceMinutes: formatMinutes(result.balanceMicros),
          },
          200,
        )
      case 'conflict':
        return problem(c, 'idempotency_key_reused', 'This Idempotency-Key was used with another body.')
      case 'would_overflow':
        return problem(c, 'balance_out_of_range', 'The balance would be beyond what an account can hold.')
    }
  })
}

function addDepositListRoute(app: Api, deps: RouteDeps): void {
  const route = createRoute({
    method: 'get',
    path: '/v1/admin/deposits',
    tags: ['Operator'],
    summary: 'Deposits of all payers by state and reason, newest first',
    security: [{ adminKey: [] }],
    middleware: [deps.requireKey('admin')],
    request: {
      query: z.object({
        ...pageQuery,
        state: z.enum(depositStates).optional(),
        reason: depositReasonSchema.optional(),
      }),
    },
    responses: {
      200: {
        description: 'One page.',
        content: { 'application/json': { schema: pageSchema(AdminDepositSchema) } },
      },
      ...problemResponses('unauthorized', 'forbidden', 'invalid_request', 'internal_error'),
    },
  })
  app.openapi(route, async (c) => {
    const query = c.req.valid('query')
    const filter = { state: query.state ?? null, reason: query.reason ?? null }
    const page = await deps.deposits.listByState(filter, pageRequest(query))
    if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', 'The cursor is not of this list.')
    return c.json(pageJson(page, adminDepositJson), 200)
  })
}
