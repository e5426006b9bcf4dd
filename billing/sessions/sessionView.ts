import type { Address } from 'viem'
import type { SessionEndReason, SessionState } from '../metering/schema.ts'

/** A session as callers see it. */
export interface SessionView {
  id: string
  account: Address
  profile: string
  gpus: number
  state: SessionState
  endReason: SessionEndReason | null
  startedAt: Date
  endedAt: Date | null
  totalBilledMicros: bigint
}

/** A session after it was metered, with what its account then has. */
export interface MeteredSession extends SessionView {
  /** What this one call billed. */
  billedMicros: bigint
  balanceMicros: bigint
  isLow: boolean
  /** What is left of the account's grace allowance. */
  graceLeftMicros: bigint
}
