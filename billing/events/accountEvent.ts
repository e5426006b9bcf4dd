import type { EventKind } from './schema.ts'

/** A published event of one account. */
export interface AccountEvent {
  /** Its place in the order in which everybody is told. */
  seq: bigint
  kind: EventKind
  payload: unknown
}
