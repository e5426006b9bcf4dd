import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ZodError } from 'zod'
import { type ProblemCode, type ProblemStatus, problems } from './problems.ts'

const codes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]]

/** The body of every error: RFC 9457 with a stable `code`, and `faults` for a malformed request. */
const ProblemSchema = z
  .strictObject({
    type: z.string().openapi({ description: 'Where the code is explained, relative to this service.' }),
    title: z.string(),
    status: z.int(),
    code: z.enum(codes),
    detail: z.string(),
    faults: z
      .array(z.strictObject({ in: z.string(), path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'What is wrong with the request, one item for each fault.' }),
  })
  .openapi('Problem')

/** One fault of a request: where it is (`json`, `query`, `param`, `header`), in which field, and why. */
export interface RequestFault {
  in: string
  path: string
  message: string
}

/** What a problem may carry besides its detail. */
export interface ProblemExtras {
  /** Becomes the Retry-After header; whole seconds. */
  retryAfterSeconds?: number
  headers?: Record<string, string>
  faults?: RequestFault[]
}

type ProblemBody<Code extends ProblemCode> = {
  type: string
  title: string
  status: number
  code: Code
  detail: string
  faults?: RequestFault[]
}

/**
 * Answers with a problem of the given code. The status is part of the type, so a route can only answer problems that its
 * declaration lists. `type` is a reference relative to this service (RFC 9457 §3.1.1) where the code is explained.
 *
 * @param detail One sentence about this occurrence. The caller sees it, so it must hold no internals.
 */
export function problem<Code extends ProblemCode>(
  c: Context,
  code: Code,
  detail: string,
  extras: ProblemExtras = {},
) {
  const { title } = problems[code]
  const status: ProblemStatus<Code> = problems[code].status
  const body: ProblemBody<Code> = { type: `/problems/${code}`, title, status, code, detail }
  if (extras.faults) body.faults = extras.faults
  return c.json(body, status, {
    ...extras.headers,
    ...(extras.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(extras.retryAfterSeconds) }),
    'Content-Type': 'application/problem+json',
  })
}

interface ProblemResponse {
  description: string
  content: { 'application/problem+json': { schema: typeof ProblemSchema } }
}

/**
 * Declares which problems a route can answer, for `responses` of `createRoute`: one response for each status, whose
 * description names its codes.
 *
 * @example responses: { 200: …, ...problemResponses('invalid_request', 'rate_limited') }
 */
export function problemResponses<Code extends ProblemCode>(
  ...codes: Code[]
): { [Status in ProblemStatus<Code>]: ProblemResponse } {
  const responses: Record<number, ProblemResponse> = {}
  for (const code of codes) {
    const { status, meaning } = problems[code]
    const line = `\`${code}\`: ${meaning}`
    const before = responses[status]?.description
    responses[status] = {
      description: before ? `${before}\n\n${line}` : line,
      content: { 'application/problem+json': { schema: ProblemSchema } },
    }
  }
  return responses as { [Status in ProblemStatus<Code>]: ProblemResponse }
}

const MAX_FAULTS = 20

/** Says what a schema found wrong in one part of a request (`json`, `query`, `param`, `header`), bounded in number. */
export function requestFaults(part: string, error: Pick<ZodError, 'issues'>): RequestFault[] {
  return error.issues.slice(0, MAX_FAULTS).map((issue) => ({
    in: part,
    path: issue.path.map(String).join('.').slice(0, 200),
    message: issue.message.slice(0, 200),
  }))
}
