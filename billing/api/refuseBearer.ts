import type { Context } from 'hono'
import { problem } from './problem.ts'

/** What is wrong with whoever asks: nothing was sent, it is not known, or it is of the wrong kind. */
export type BearerFault = 'missing' | 'unknown' | 'wrong_kind'

/**
 * Answers a request without the right key or token: 401 without one or with an unknown one, 403 with one of the wrong kind,
 * each with the challenge that RFC 6750 §3 asks for.
 */
export function refuseBearer(c: Context, fault: BearerFault, detail: string) {
  switch (fault) {
    case 'missing':
      return problem(c, 'unauthorized', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits"' },
      })
    case 'unknown':
      return problem(c, 'unauthorized', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="invalid_token"' },
      })
    case 'wrong_kind':
      return problem(c, 'forbidden', detail, {
        headers: { 'WWW-Authenticate': 'Bearer realm="credits", error="insufficient_scope"' },
      })
  }
}
