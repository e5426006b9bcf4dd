import { signal } from '@preact/signals'
import { type SwitchOutcome, switchChain } from '../wallet/switchChain.ts'

/** The network that the wallet is being asked to go to; null: none. */
export const switchingTo = signal<number | null>(null)

/** Why the wallet did not go to a network; null where it did, or was not asked. */
export const switchFailure = signal<{
  chainId: number
  outcome: Exclude<SwitchOutcome, { kind: 'switched' }>
} | null>(null)

/** Asks the wallet to go to a network. One request at a time; a second call does nothing. */
export async function switchNow(chainId: number): Promise<void> {
  if (switchingTo.peek() !== null) return
  switchingTo.value = chainId
  switchFailure.value = null
  const outcome = await switchChain(chainId)
  if (outcome.kind !== 'switched') switchFailure.value = { chainId, outcome }
  switchingTo.value = null
}
