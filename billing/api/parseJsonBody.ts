import type { Context } from 'hono'
import { inspectJson } from './inspectJson.ts'
import { problem } from './problem.ts'

/** What a body holds, or the answer to whoever sent it. */
export type ParsedBody = { kind: 'parsed'; value: unknown } | { kind: 'refused'; answer: Response }

/**
 * Reads the bytes of a body: 400 when they are not JSON in UTF-8, 422 when it holds what no request of ours holds (see
 * {@link inspectJson}).
 */
export function parseJsonBody(c: Context, bytes: ArrayBuffer): ParsedBody {
  const body = parseJson(bytes)
  if (!body.ok)
    return { kind: 'refused', answer: problem(c, 'malformed_json', 'The body is not JSON in UTF-8.') }
  const fault = inspectJson(body.value)
  if (fault === null) return { kind: 'parsed', value: body.value }
  const faults = [{ in: 'json', path: '', message: fault }]
  return { kind: 'refused', answer: problem(c, 'invalid_request', `The body ${fault}.`, { faults }) }
}

function parseJson(bytes: ArrayBuffer): { ok: true; value: unknown } | { ok: false } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false }
  }
}
