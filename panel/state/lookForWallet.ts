import { signal } from '@preact/signals'
import { reconnectWallet } from '../wallet/connection.ts'

/** How long the page waits for the last visit's wallet before it treats the visitor as new. */
const WALLET_WITHIN_MS = 400

/** Whether the last visit's wallet has answered, or is no longer waited for. */
export const isWalletLookedFor = signal(false)

/** Looks for the last visit's wallet. One that answers later is still connected. */
export async function lookForWallet(): Promise<void> {
  await Promise.race([reconnectWallet(), new Promise((resolve) => setTimeout(resolve, WALLET_WITHIN_MS))])
  isWalletLookedFor.value = true
}
