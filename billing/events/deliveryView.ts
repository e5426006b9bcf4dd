import type { EventKind, WebhookDeliveryState } from './schema.ts'

/** A delivery as the operator sees it, with its last attempt. */
export interface DeliveryView {
  eventId: bigint
  endpointId: string
  kind: EventKind
  account: string
  /** When the event happened. */
  createdAt: Date
  state: WebhookDeliveryState
  attempts: number
  /** null when it is delivered or given up. */
  nextAttemptAt: Date | null
  deliveredAt: Date | null
  /** null before the first attempt; so are the next two. */
  lastAttemptAt: Date | null
  /** null also: there was no answer. */
  lastStatus: number | null
  /** In a sentence; null also: it was delivered. */
  lastProblem: string | null
  /** The receiver wants no more: pending deliveries wait until it is enabled again. */
  isEndpointDisabled: boolean
}
