import { effect, signal } from '@preact/signals'
import { reachable } from '../api/reachable.ts'
import { loadPaySide } from '../views/PaySide.tsx'
import { reconnectWallet } from '../wallet/connection.ts'
import { followAccount, refresh } from './account.ts'
import { config, loadConfig } from './config.ts'
import { keepNow } from './now.ts'
import { followPayPanel } from './payPanel.ts'
import { followQuotes } from './quotes.ts'
import { followOtherTabs, signedIn } from './signedIn.ts'
import { followConnectedAccount } from './signIn.ts'

/** How long the page waits for the wallet of the last visit before it greets somebody as new. */
const WALLET_WITHIN_MS = 400
const ASK_AGAIN_MS = 3_000

/** The wallet of the last visit has answered, or will not soon. */
export const isWalletLookedFor = signal(false)

/** Starts everything that goes on while the page is open. For the life of the page, so nothing stops it. */
export function startPage(): void {
  keepNow()
  followOtherTabs()
  followConnectedAccount()
  followPayPanel()
  followAccount()
  followQuotes()
  comeBack()
  void loadConfig()
  void loadPaySide()
  void Promise.race([
    reconnectWallet(),
    new Promise((resolve) => setTimeout(resolve, WALLET_WITHIN_MS)),
  ]).then(() => {
    isWalletLookedFor.value = true
  })
}

/** Asks a service that did not answer until it does, and then for everything. */
function comeBack(): void {
  let wasAway = false
  effect(() => {
    if (reachable.value && wasAway && signedIn.peek() !== null) void refresh()
    wasAway = !reachable.value
  })
  setInterval(() => {
    const isNeeded = !reachable.value || config.value === null
    if (isNeeded && !document.hidden) void loadConfig()
  }, ASK_AGAIN_MS)
}
