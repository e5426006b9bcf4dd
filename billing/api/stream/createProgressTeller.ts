import type { PendingDeposits } from '../../deposits/openDepositProgress.ts'
import { depositJson } from '../json/depositJson.ts'
import type { StreamMessage } from './eventStreamMessages.ts'

/** What one stream says about pending deposits between their events. */
export interface ProgressTeller {
  /** Notes messages of events just read: nothing older may be sent after them. */
  noteEvents(messages: StreamMessage[]): void
  /** Messages about what changed since the last ones; `outdated` when `pending` is older than events already sent. */
  changesIn(pending: PendingDeposits): StreamMessage[] | 'outdated'
}

/**
 * Makes the teller of one stream. It keeps one line for each deposit that was pending at the last message, and queues
 * nothing: a slow client gets the latest state once it reads.
 */
export function createProgressTeller(): ProgressTeller {
  let told = new Map<string, string>()
  let eventsReadAt = Number.NEGATIVE_INFINITY

  return {
    noteEvents(messages) {
      for (const { event, data } of messages) {
        if (event !== 'deposit') continue
        const deposit = data as ReturnType<typeof depositJson>
        told.set(deposit.id, placeOf(deposit))
        eventsReadAt = performance.now()
      }
    },
    changesIn({ lookedAt, deposits }) {
      if (lookedAt <= eventsReadAt) return 'outdated'
      const messages = deposits.map((deposit) => ({
        id: null,
        event: 'deposit' as const,
        data: depositJson(deposit),
      }))
      const before = told
      told = new Map(messages.map(({ data }) => [data.id, placeOf(data)]))
      return messages.filter(({ data }) => before.get(data.id) !== placeOf(data))
    },
  }
}

/** Everything about a pending deposit that changes: its state, block and confirmations. */
function placeOf({ state, blockNumber, confirmations }: ReturnType<typeof depositJson>): string {
  return `${state} in ${blockNumber}: ${confirmations}`
}
