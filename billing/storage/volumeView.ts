import type { Address } from 'viem'

/** `warned` from half the debt limit on; `prune_due` at the limit: the operator's system deletes it, billing never does. */
export type VolumeState = 'active' | 'warned' | 'prune_due'

/** A stored volume as callers see it. */
export interface VolumeView {
  id: string
  account: Address
  sizeBytes: bigint
  state: VolumeState
  /** All that it has cost so far. */
  totalBilledMicros: bigint
  deletedAt: Date | null
}

/** `conflict`: the id is a stored volume of another wallet. */
export type PutVolumeResult = { kind: 'stored'; volume: VolumeView } | { kind: 'conflict' }
