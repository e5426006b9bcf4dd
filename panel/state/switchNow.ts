import { signal } from '@preact/signals'
import type { RailConfig } from '../api/apiTypes.ts'
import { type SwitchOutcome, switchChain } from '../wallet/switchChain.ts'

/** The network that the wallet is being asked to switch to; null if none. */
export const switchingTo = signal<number | null>(null)

/** Why the wallet did not switch to the network of the rail; null if it did, or was not asked. */
export const switchFailure = signal<{
  rail: string
  outcome: Exclude<SwitchOutcome, { kind: 'switched' }>
} | null>(null)

/** Asks the wallet to switch to the network of a rail. One request at a time; a second call does nothing. */
export async function switchNow({ rail, chainId }: Pick<RailConfig, 'rail' | 'chainId'>): Promise<void> {
  if (switchingTo.peek() !== null) return
  switchingTo.value = chainId
  switchFailure.value = null
  const outcome = await switchChain(chainId)
  if (outcome.kind !== 'switched') switchFailure.value = { rail, outcome }
  switchingTo.value = null
}
