import type { DepositReason, DepositState, EntryKind, SessionEndReason } from '../api/apiTypes.ts'

/** The history: payments, usage, ledger. */
export const historyText = {
  title: 'History',
  tabs: { deposits: 'Payments', usage: 'Usage', ledger: 'Ledger' },
  more: 'Load more',
  download: 'Download CSV',
  downloading: 'Preparing the file',
  downloadFailed: 'The file could not be made: the service did not answer. Try again.',
  failed: 'This list could not be loaded.',
  deposits: {
    none: 'No payments yet',
    noneWhat: 'Payments of this wallet appear here as soon as they are seen on the chain.',
    states: {
      pending: 'Confirming',
      held: 'Held',
      credited: 'Credited',
      orphaned: 'Out of the chain',
      reversed: 'Taken back',
      rejected: 'Not credited',
    } satisfies Record<DepositState, string>,
    progress: (confirmations: number, required: number) => `${confirmations} of ${required} confirmations`,
    got: (minutes: string) => `+${minutes} min`,
    /** Of a rail that is not enabled any more, whose decimals are not known. */
    baseUnits: (amount: string, rail: string) => `${amount} base units of ${rail}`,
    block: (number: string) => `block ${number}`,
    transaction: 'Transaction',
    newTab: '(opens in a new tab)',
    next: (time: string) => `Looked at again at ${time}.`,
    nextSoon: 'Looked at again in a moment.',
    onlyYouCanEnd: 'It stays held until then; nothing is lost.',
    reasons: {
      below_minimum:
        'Below the minimum. It is credited together with your next payments, once they reach the minimum.',
      price_unavailable:
        'There was no price to be trusted. It is credited by itself as soon as there is one.',
      state_unavailable:
        'The chain could not be read as it was in the block of the payment. This is tried again by itself.',
      rpc_disagreement: 'Our sources do not agree about this payment yet. This is tried again by itself.',
      amount_too_large: 'The amount is larger than can be credited by itself. The operator looks at it.',
      amount_unclear: 'What the wallet gained by it is not clear. The operator looks at it.',
      daily_cap_reached:
        "Today's limit for payments in AXGT is reached. It is credited by itself when there is room.",
      rail_disabled: 'This way to pay is not enabled, so it gives no credit. Ask the operator about it.',
    } satisfies Record<DepositReason, string>,
    orphaned:
      'The chain dropped the block with this payment before it was credited. When it is included again, it goes on by itself.',
    reversed:
      'The chain dropped this payment after it was credited, so the credit was taken back. When it is included again, so is the credit.',
  },
  usage: {
    chart: 'Minutes used a day, the last 14 days',
    chartNote: 'Used minutes are added when their hour is over.',
    table: 'The same as a table',
    day: 'Day',
    desktops: 'Desktops',
    storage: 'Storage',
    total: (minutes: string) => `${minutes} min in 14 days`,
    none: 'Nothing used yet',
    noneWhat: 'What desktops and stored volumes use is shown here by day and by session.',
    sessions: 'By session',
    session: 'Session',
    began: 'Began',
    lasted: 'Lasted',
    used: 'Used',
    running: 'running',
    ends: {
      released: 'ended',
      heartbeat_timeout: 'ended: no sign of life',
      grace_exhausted: 'ended: out of credit',
      ended_by_operator: 'ended by the operator',
    } satisfies Record<SessionEndReason, string>,
    minutes: (minutes: string) => `${minutes} min`,
  },
  ledger: {
    none: 'No entries yet',
    noneWhat: 'Every change of the balance is an entry here, and entries never change.',
    when: 'When',
    what: 'What',
    minutes: 'Minutes',
    kinds: {
      deposit: 'Payment',
      deposit_reversal: 'Payment taken back',
      adjustment: 'Adjustment',
      usage: 'Desktop',
      storage: 'Storage',
    } satisfies Record<EntryKind, string>,
  },
}
