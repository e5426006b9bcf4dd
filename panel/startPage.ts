import { effect } from '@preact/signals'
import { reachable } from './api/reachable.ts'
import { followAccount, refresh } from './state/account.ts'
import { config, loadConfig } from './state/config.ts'
import { lookForWallet } from './state/lookForWallet.ts'
import { keepNow } from './state/now.ts'
import { followPayPanel } from './state/payPanel.ts'
import { followQuotes } from './state/quotes.ts'
import { followOtherTabs, signedIn } from './state/signedIn.ts'
import { followConnectedAccount } from './state/signIn.ts'
import { loadPaySide } from './views/PaySide.tsx'

const RETRY_EVERY_MS = 3_000

/** Starts everything that runs while the page is open. It runs for the life of the page, so there is nothing to stop it. */
export function startPage(): void {
  keepNow()
  followOtherTabs()
  followConnectedAccount()
  followPayPanel()
  followAccount()
  followQuotes()
  runReconnect()
  void loadConfig()
  void loadPaySide()
  void lookForWallet()
}

/** Keeps asking a service that did not answer until it does, then loads everything again. */
function runReconnect(): void {
  let wasAway = false
  effect(() => {
    if (reachable.value && wasAway) {
      void loadPaySide()
      if (signedIn.peek() !== null) void refresh()
    }
    wasAway = !reachable.value
  })
  setInterval(() => {
    const isNeeded = !reachable.value || config.value === null
    if (isNeeded && !document.hidden) void loadConfig()
  }, RETRY_EVERY_MS)
}
