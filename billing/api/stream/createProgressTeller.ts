import type { PendingDeposits } from '../../deposits/openDepositProgress.ts'
import { depositJson } from '../json/depositJson.ts'
import type { StreamMessage } from './eventStreamMessages.ts'

/** What one stream says of pending deposits between their events. */
export interface ProgressTeller {
  /** Takes note of messages of events, just read: nothing older is told after them. */
  noteEvents(messages: StreamMessage[]): void
  /** Messages of what has changed since it was told last; `outdated` when the look is older than events already told. */
  changesIn(pending: PendingDeposits): StreamMessage[] | 'outdated'
}

/**
 * Makes the teller of one stream. It keeps one line for each deposit that was pending when it was told last, and puts
 * nothing aside: a client that reads slowly is told the latest when it can take it.
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

/** All of a pending deposit that changes: where it is, and how far. */
function placeOf({ state, blockNumber, confirmations }: ReturnType<typeof depositJson>): string {
  return `${state} in ${blockNumber}: ${confirmations}`
}
