import type { ProblemCode } from '../../billing/api/problems.ts'

/** What happened and what to do, in words for whoever pays: one for every refusal of the service. */
export interface ProblemText {
  what: string
  todo: string
}

const nothingToDo = 'You do not need to do anything: payments you have sent are credited automatically.'

/** One for each code of the service. A test holds this list and the service's together. */
export const problemTexts: Record<ProblemCode, ProblemText> = {
  malformed_json: {
    what: 'The service could not read what this page sent.',
    todo: 'Reload the page and try again; nothing was changed.',
  },
  idempotency_key_required: {
    what: 'This request needs a key that this page did not send.',
    todo: 'Reload the page; nothing was changed.',
  },
  unauthorized: {
    what: 'Your sign-in has ended.',
    todo: 'Sign in again. Payments you have sent are credited automatically.',
  },
  insufficient_credit: {
    what: 'There is not enough credit for one minute of this desktop and of those already running.',
    todo: 'Add minutes first; nothing was started.',
  },
  forbidden: {
    what: 'This account may not do that.',
    todo: 'Sign in with the wallet that the payment came from.',
  },
  not_found: {
    what: 'The service does not know what this page asked for.',
    todo: 'Reload the page: it may be older than the service.',
  },
  transaction_not_found: {
    what: 'No network accepted here knows this transaction.',
    todo: 'Check that the whole hash was pasted and that the payment was made on a network listed above. One sent a moment ago may need a minute to be seen: try again then.',
  },
  session_not_found: {
    what: 'There is no such desktop session.',
    todo: 'It may have been removed. Start a new one from the desktop list.',
  },
  volume_not_found: {
    what: 'There is no such stored volume.',
    todo: 'It may have been deleted already; then there is nothing to do.',
  },
  method_not_allowed: {
    what: 'The service does not take this kind of request here.',
    todo: 'Reload the page: it may be older than the service.',
  },
  idempotency_key_reused: {
    what: 'The same request was sent before with different contents.',
    todo: 'Reload the page and try again; nothing was changed.',
  },
  session_conflict: {
    what: 'Another account or desktop uses this session name, or one that has ended did.',
    todo: 'Start the desktop again, under a new name.',
  },
  volume_conflict: {
    what: 'Another account already uses this volume name.',
    todo: 'Choose another name for the volume.',
  },
  body_too_large: {
    what: 'What was sent is too long.',
    todo: 'Paste the transaction hash alone: 0x and 64 digits.',
  },
  unsupported_media_type: {
    what: 'The service could not read the format in which this page sent the request.',
    todo: 'Reload the page and try again; nothing was changed.',
  },
  invalid_request: {
    what: 'This is not in the form that the service expects.',
    todo: 'A transaction hash is 0x followed by 64 digits and letters from a to f. Copy it from your wallet or from a block explorer.',
  },
  challenge_expired: {
    what: 'The message to be signed is too old, or was used before.',
    todo: 'Sign in again: a new message is made for you.',
  },
  signature_invalid: {
    what: 'The signature is not that of this wallet.',
    todo: 'Sign in again with the account that the wallet shows. A contract wallet must be on the network named in the message.',
  },
  no_qualifying_transfer: {
    what: 'This transaction pays nothing to the address shown here in an accepted asset.',
    todo: 'Check that it is the right transaction, and that it went to this address, on this network, in ETH, USDC or AXGT. If it went elsewhere, only its receiver can send it back.',
  },
  transaction_failed: {
    what: 'This transaction was included in a block but failed, so nothing was paid. Only the network fee was spent.',
    todo: 'Send the payment again. If it fails again, check the reason that your wallet gives.',
  },
  rail_unknown: {
    what: 'This payment method is not accepted, or no longer is.',
    todo: 'Reload the page and choose one of those listed.',
  },
  amount_too_large: {
    what: 'The amount is worth more minutes than one payment can buy.',
    todo: 'Pay a smaller amount.',
  },
  balance_out_of_range: {
    what: 'The balance cannot become that large.',
    todo: 'Ask whoever runs this service.',
  },
  query_refused: {
    what: 'The service refused this query.',
    todo: 'Ask for less at once.',
  },
  rate_limited: {
    what: 'Too many requests came from your network at once.',
    todo: `Wait a moment, then try again. ${nothingToDo}`,
  },
  internal_error: {
    what: 'Something broke on our side.',
    todo: `It is safe to try again: nothing is ever credited twice. ${nothingToDo}`,
  },
  overloaded: {
    what: 'The service has too much to do right now.',
    todo: `Try again in a moment. ${nothingToDo}`,
  },
  price_unavailable: {
    what: 'No trustworthy price is available at the moment.',
    todo: 'A payment made now is held, and credited automatically once there is a price. Or pay in another asset.',
  },
  chain_unavailable: {
    what: 'A network cannot be reached at the moment.',
    todo: `Try again in a moment. ${nothingToDo}`,
  },
  indexer_unavailable: {
    what: 'The list of transfers cannot be read at the moment.',
    todo: `Try again later. ${nothingToDo}`,
  },
}

/** Where no answer came at all. */
export const offlineText: ProblemText = {
  what: 'The service cannot be reached.',
  todo: `Check your connection and try again. ${nothingToDo}`,
}

/** For a code of a newer service. */
export const unknownProblemText: ProblemText = {
  what: 'The service refused, for a reason that this page does not know.',
  todo: `Reload the page and try again. ${nothingToDo}`,
}
