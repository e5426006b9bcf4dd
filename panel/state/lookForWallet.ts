import { signal } from '@preact/signals'
import { reconnectWallet } from '../wallet/connection.ts'

/** How long the page waits for the wallet of the last visit before it greets somebody as new. */
const WALLET_WITHIN_MS = 400

/** The wallet of the last visit has answered, or will not soon. */
export const isWalletLookedFor = signal(false)

/** Looks for the wallet of the last visit. One that comes later than that is connected all the same. */
export async function lookForWallet(): Promise<void> {
  await Promise.race([reconnectWallet(), new Promise((resolve) => setTimeout(resolve, WALLET_WITHIN_MS))])
  isWalletLookedFor.value = true
}
