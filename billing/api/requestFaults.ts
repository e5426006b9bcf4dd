import type { ZodError } from 'zod'
import type { RequestFault } from './problem.ts'

const MAX_FAULTS = 20

/** Says what a schema found wrong in one part of a request (`json`, `query`, `param`, `header`), bounded in number. */
export function requestFaults(part: string, error: Pick<ZodError, 'issues'>): RequestFault[] {
  return error.issues.slice(0, MAX_FAULTS).map((issue) => ({
    in: part,
    path: issue.path.map(String).join('.').slice(0, 200),
    message: issue.message.slice(0, 200),
  }))
}
