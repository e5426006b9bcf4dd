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
      orphaned: 'Dropped by the chain',
      reversed: 'Reversed',
      rejected: 'Not credited',
    } satisfies Record<DepositState, string>,
    progress: (confirmations: number, required: number) => `${confirmations} of ${required} confirmations`,
    got: (minutes: string) => `+${minutes} min`,
    /** For a rail that is no longer enabled, so its decimals are unknown. */
    baseUnits: (amount: string, rail: string) => `${amount} base units of ${rail}`,
    block: (number: string) => `block ${number}`,
    transaction: 'Transaction',
    newTab: '(opens in a new tab)',
    next: (time: string) => `Next check at ${time}.`,
    nextSoon: 'Next check in a moment.',
    onlyYouCanEnd: 'It stays held until then; nothing is lost.',
    reasons: {
      below_minimum:
        'Below the minimum. It is credited together with your next payments, once they reach the minimum.',
      price_unavailable:
        'No trustworthy price was available. It is credited automatically as soon as there is one.',
      state_unavailable:
        'The state of the chain at the block of the payment could not be read. This is retried automatically.',
      rpc_disagreement: 'Our sources do not agree about this payment yet. This is retried automatically.',
      amount_too_large: 'The amount is too large to be credited automatically. The operator reviews it.',
      amount_unclear: 'It is not clear how much of it arrived. The operator reviews it.',
      daily_cap_reached:
        "Today's limit for payments in AXGT is reached. It is credited automatically when there is room.",
      rail_disabled:
        'This payment method is not enabled at present. It is credited when it is enabled again.',
      setup_changed: 'The way payments are received has changed since it was sent. The operator reviews it.',
      evidence_unavailable: 'It cannot be read from the chain at present. It is checked again automatically.',
      payment_not_seen: 'The chain does not show it at present. It is checked again automatically.',
    } satisfies Record<DepositReason, string>,
    orphaned:
      'The chain dropped the block with this payment before it was credited. If it is included again, it continues automatically.',
    reversed:
      'The chain dropped this payment after it was credited, so the credit was reversed. If the payment is included again, it is credited again.',
  },
  usage: {
    chart: 'Minutes used per day, last 14 days',
    chartNote: 'Usage is added at the end of each hour.',
    table: 'The same data as a table',
    day: 'Day',
    desktops: 'Desktops',
    storage: 'Storage',
    total: (minutes: string) => `${minutes} min in 14 days`,
    none: 'Nothing used yet',
    noneWhat: 'The minutes that desktops and stored volumes use are shown here by day and by session.',
    sessions: 'By session',
    session: 'Session',
    began: 'Began',
    lasted: 'Lasted',
    used: 'Used',
    running: 'running',
    ends: {
      released: 'ended',
      heartbeat_timeout: 'ended: no heartbeat',
      grace_exhausted: 'ended: out of credit',
      ended_by_operator: 'ended by the operator',
    } satisfies Record<SessionEndReason, string>,
    minutes: (minutes: string) => `${minutes} min`,
  },
  ledger: {
    none: 'No entries yet',
    noneWhat: 'Every change to your balance is an entry here, and entries never change.',
    when: 'When',
    what: 'What',
    minutes: 'Minutes',
    kinds: {
      deposit: 'Payment',
      deposit_reversal: 'Payment reversed',
      adjustment: 'Adjustment',
      usage: 'Desktop',
      storage: 'Storage',
    } satisfies Record<EntryKind, string>,
  },
}
