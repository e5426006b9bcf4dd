import { ProblemSchema } from './problem.ts'
import { type ProblemCode, type ProblemStatus, problems } from './problems.ts'

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
