/** Why an RPC gave no answer to be believed. */
export type RpcFailure =
  /**
   * A JSON-RPC error, whatever the HTTP status it came with: the node has understood the request and refuses it.
   * `isRevert`: the code that was called reverted. `isRateLimit`: it is refused for now, because we ask too much.
   */
  | { kind: 'response'; code: number | null; isRevert: boolean; isRateLimit: boolean }
  /** An answer that does not have the shape of the method's result. */
  | { kind: 'shape' }
  /** An answer larger than we read. */
  | { kind: 'too_large' }
  /**
   * No JSON-RPC at all. `status` is that of HTTP, null where there was none (no connection, no answer in time). `said` is
   * the beginning of what stood there instead, redacted: to be searched for words, never to be shown.
   */
  | { kind: 'transport'; status: number | null; timedOut: boolean; said: string }
  /** Not asked: it failed a moment ago, and is left alone until its back-off is over. */
  | { kind: 'backing_off' }

/**
 * The one error by which an RPC's failure is known outside this folder: what libraries throw stays inside. Its message
 * holds no URL; what a provider wrote into it is redacted and cut.
 */
export class RpcError extends Error {
  override name = 'RpcError'
  readonly failure: RpcFailure
  /** What the provider says about coming again (`Retry-After`); null where it says nothing. */
  readonly retryAfterMs: number | null
  constructor(message: string, failure: RpcFailure, retryAfterMs: number | null = null) {
    super(message)
    this.failure = failure
    this.retryAfterMs = retryAfterMs
  }
}

/** An RPC's answer does not have the shape of the method's result. The answer is not repeated: it may be hostile. */
export function shapeError(method: string): RpcError {
  return new RpcError(`${method} was answered in a shape it does not have`, { kind: 'shape' })
}

/** The failure of an RPC that an error tells of; null for any other error. */
export function failureOf(error: unknown): RpcFailure | null {
  return error instanceof RpcError ? error.failure : null
}

/** What a node said in a JSON-RPC error; null for any other error. */
export function refusalOf(
  error: unknown,
): (Extract<RpcFailure, { kind: 'response' }> & { message: string }) | null {
  if (!(error instanceof RpcError) || error.failure.kind !== 'response') return null
  return { ...error.failure, message: error.message }
}

/** One sentence about a failed request that holds no URL. */
export function describeRpcFailure(error: unknown): string {
  return error instanceof RpcError ? error.message : 'no answer'
}

/** JSON-RPC: method not found; method not supported (EIP-1474). */
const NO_METHOD_CODES: ReadonlySet<number> = new Set([-32601, -32004])
/** HTTP: not found, method not allowed, not implemented. Each with words: a wrong path has these too. */
const NO_METHOD_STATUSES: ReadonlySet<number> = new Set([404, 405, 501])

const SUBJECT = /(?:methods?|(?:debug|trace|eth)_\w*|namespace|module|(?:debug|trace) api|tracing)\b/.source
const ABSENT = [
  /not (?:be )?(?:found|supported|available|whitelisted|enabled|allowed|implemented|permitted|offered)/,
  /(?:does not|doesn't|do not) exist/,
  /unavailable|unsupported|unknown|disabled|not on this node/,
]
  .map(({ source }) => source)
  .join('|')
const NO_METHOD_WORDS = new RegExp(
  `${SUBJECT}[^.;]{0,80}\\b(?:${ABSENT})|\\b(?:unsupported|unknown|no such|invalid)\\b[^.;]{0,20}${SUBJECT}`,
  'i',
)
/** What is refused for now, for want of money, or of one block, is there. */
const FOR_NOW =
  /temporar|currently|moment|right now|later|limit|exceed|quota|capacity|throttl|too many|credits?\b|\brate|\brps\b|load\b|loaded|maintenance|busy|time.?out|timed/i
const OF_ONE_BLOCK = /\bblocks?\b|\bstate\b|prun|histor|\btrie\b|genesis|archive/i

/**
 * Whether an RPC says that it does not have a method, and nothing else: by the code for it, or in words that can mean
 * nothing else. Whatever speaks of limits, plans that are used up, or the moment, is no such answer, and neither is an
 * RPC that fails.
 */
export function saysNoSuchMethod(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false
  const { failure, message } = error
  switch (failure.kind) {
    case 'response':
      if (failure.isRateLimit || FOR_NOW.test(message)) return false
      return (failure.code !== null && NO_METHOD_CODES.has(failure.code)) || isAbout(message)
    case 'transport':
      return failure.status !== null && NO_METHOD_STATUSES.has(failure.status) && isAbout(failure.said)
    default:
      return false
  }
}

function isAbout(text: string): boolean {
  return NO_METHOD_WORDS.test(text) && !FOR_NOW.test(text) && !OF_ONE_BLOCK.test(text)
}
