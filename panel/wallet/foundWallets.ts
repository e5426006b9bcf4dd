import { computed, type ReadonlySignal, signal } from '@preact/signals'
import { createStore, type EIP6963ProviderDetail } from 'mipd'
import { walletText } from '../text/wallet.ts'
import type { Eip1193 } from './eip1193.ts'

/** A wallet in this browser. */
export interface FoundWallet {
  uuid: string
  /** Its name in reverse domain notation, which stays the same between visits; `legacy` for one that did not announce itself. */
  rdns: string
  name: string
  /** A `data:` URI, or empty. */
  icon: string
  provider: Eip1193
}

const MAX_NAME_LENGTH = 60

const announced = signal<readonly EIP6963ProviderDetail[]>([])
const legacyProvider = signal<Eip1193 | null>(null)

/**
 * The wallets in this browser: those that announce themselves (EIP-6963), in the order in which they did.
 * `window.ethereum` counts only if none does: with several wallets, nobody can tell whose it is.
 */
export const foundWallets: ReadonlySignal<FoundWallet[]> = computed(() => {
  if (announced.value.length > 0) return announced.value.map(toFoundWallet)
  return legacyProvider.value === null ? [] : [toLegacyWallet(legacyProvider.value)]
})

if (typeof window !== 'undefined') listen()

function listen() {
  const store = createStore()
  store.subscribe((details) => {
    announced.value = details
  })
  announced.value = store.getProviders()
  noteLegacy()
  // A wallet that sets `window.ethereum` late announces it by this event.
  window.addEventListener('ethereum#initialized', noteLegacy, { once: true })
  window.addEventListener('load', noteLegacy, { once: true })
}

function noteLegacy() {
  const provider = (window as { ethereum?: Partial<Eip1193> }).ethereum
  if (typeof provider?.request === 'function') legacyProvider.value = provider as Eip1193
}

/** A wallet's own name is shown to people, so its length is bounded; its icon must not load anything from elsewhere. */
function toFoundWallet({ info, provider }: EIP6963ProviderDetail): FoundWallet {
  return {
    uuid: String(info.uuid),
    rdns: String(info.rdns),
    name: String(info.name).slice(0, MAX_NAME_LENGTH),
    icon: /^data:image\//.test(info.icon) ? info.icon : '',
    provider: provider as Eip1193,
  }
}

function toLegacyWallet(provider: Eip1193): FoundWallet {
  return { uuid: 'legacy', rdns: 'legacy', name: walletText.legacyName, icon: '', provider }
}
