/**
 * Every error of this API: a stable code with its status, its title and what the caller can do. Only this table assigns a
 * status to a code; GET /problems/{code} shows it.
 */
export const problems = {
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    meaning: 'The body is not JSON in UTF-8. Send the same request with a well-formed body.',
  },
  idempotency_key_required: {
    status: 400,
    title: 'Idempotency-Key required',
    meaning:
      'This request changes money, so it needs an Idempotency-Key header that is the same on every retry.',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    meaning: 'Send a valid key, or the token of a wallet, as `Authorization: Bearer …`.',
  },
  insufficient_credit: {
    status: 402,
    title: 'Insufficient credit',
    meaning:
      'Less is left than a minute of this session and of all that run. Pay first; nothing was started.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    meaning: 'The key or token is valid, but of a kind that may not do this.',
  },
  not_found: { status: 404, title: 'Not found', meaning: 'Nothing lives at this path; see /docs.' },
  transaction_not_found: {
    status: 404,
    title: 'Transaction not found',
    meaning:
      'No configured chain knows this transaction. It may not have been broadcast yet, or be on another chain.',
  },
  session_not_found: {
    status: 404,
    title: 'Session not found',
    meaning: 'No session was ever started by this id.',
  },
  volume_not_found: {
    status: 404,
    title: 'Volume not found',
    meaning: 'No volume was ever reported by this id, or it is deleted.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    meaning: 'The path exists, the method does not; the Allow header says which do.',
  },
  idempotency_key_reused: {
    status: 409,
    title: 'Idempotency-Key reused',
    meaning: 'This Idempotency-Key was used with another body. Use a new key for a new adjustment.',
  },
  session_conflict: {
    status: 409,
    title: 'Session conflict',
    meaning:
      'This id is that of a session of another wallet or profile, or of one that has ended. Use a new id for a new session.',
  },
  volume_conflict: {
    status: 409,
    title: 'Volume conflict',
    meaning:
      'This id is that of a stored volume of another wallet. Delete that one first, or use another id.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    meaning: 'The body is larger than this route accepts.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    meaning: 'Send the body as `Content-Type: application/json`, uncompressed.',
  },
  invalid_request: {
    status: 422,
    title: 'Invalid request',
    meaning: 'A parameter, header or field is missing, unknown or malformed; `faults` says which.',
  },
  challenge_expired: {
    status: 422,
    title: 'Sign-in message not good',
    meaning:
      'This exact text was not issued here, or it was used, tried too often or has expired. Ask for another with ' +
      'POST /v1/auth/challenge and sign that.',
  },
  signature_invalid: {
    status: 422,
    title: 'Signature invalid',
    meaning: "It is not this wallet's signature of this text. The text may be signed again while it is good.",
  },
  no_qualifying_transfer: {
    status: 422,
    title: 'No qualifying transfer',
    meaning: 'The transaction pays nothing to the revenue wallet in an asset that is credited.',
  },
  transaction_failed: {
    status: 422,
    title: 'Transaction failed',
    meaning: 'The transaction was mined but failed, so it moved nothing.',
  },
  rail_unknown: {
    status: 422,
    title: 'Rail unknown',
    meaning: 'This way to pay is not enabled here; /v1/config lists those that are.',
  },
  amount_too_large: {
    status: 422,
    title: 'Amount too large',
    meaning: 'The amount is worth more than one credit may hold.',
  },
  balance_out_of_range: {
    status: 422,
    title: 'Balance out of range',
    meaning: 'The adjustment would take the balance beyond what an account can hold.',
  },
  query_refused: {
    status: 422,
    title: 'Query refused',
    meaning:
      'The GraphQL query does not parse, is not a query, or is too deep, too long or has too many aliases.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    meaning: 'Wait for the number of seconds in Retry-After.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    meaning: 'Something broke on our side; it is in our log. Repeating the request is safe.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    meaning:
      'Too many requests are waiting already. Nothing was done; retry after the seconds that Retry-After gives.',
  },
  price_unavailable: {
    status: 503,
    title: 'Price unavailable',
    meaning:
      'There is no price that can be trusted at the moment. Payments made now are credited once there is.',
  },
  chain_unavailable: {
    status: 503,
    title: 'Chain unavailable',
    meaning: 'A chain could not be asked at the moment. Payments are credited automatically once it can.',
  },
  indexer_unavailable: {
    status: 503,
    title: 'Indexer unavailable',
    meaning: 'The indexer does not answer at the moment. Credits and balances do not depend on it.',
  },
} as const

/** The stable code of a problem. */
export type ProblemCode = keyof typeof problems

/** The HTTP status of a problem's code. */
export type ProblemStatus<Code extends ProblemCode> = (typeof problems)[Code]['status']
