import { type Signal, signal } from '@preact/signals'
import type { Address } from 'viem'
import { walletText } from '../text/wallet.ts'
import { type FoundWallet, foundWallets } from './foundWallets.ts'
import { parseAccounts, parseChainId } from './parseAnswers.ts'
import { readFromWallet } from './readFromWallet.ts'
import { walletFault } from './walletFault.ts'

/** The wallet that the page is connected to, with its current account and network. */
export interface Connected {
  /** Lower-case. */
  address: Address
  chainId: number
  wallet: FoundWallet
}

/** The outcome of asking a wallet to connect. */
export type ConnectOutcome =
  | { kind: 'connected' }
  | { kind: 'rejected' }
  | { kind: 'busy' }
  | { kind: 'failed'; detail: string }

/** The outcome of asking a wallet to sign. */
export type SignOutcome =
  | { kind: 'signed'; signature: `0x${string}` }
  | { kind: 'rejected' }
  | { kind: 'failed'; detail: string }

const REMEMBERED_KEY = 'axonos.wallet'
/** Wallets announce themselves while the page loads; a slow one gets this long. */
const ANNOUNCED_WITHIN_MS = 3_000

/** The connected wallet, kept up to date when its account or network changes or it disconnects. null if there is none. */
export const connected: Signal<Connected | null> = signal(null)

let stopListening: () => void = () => {}

/** Asks a wallet for its account. The person answers in the wallet, so this takes as long as they do. */
export async function connectWallet(wallet: FoundWallet): Promise<ConnectOutcome> {
  try {
    const accounts = await wallet.provider.request({ method: 'eth_requestAccounts' })
    return await adopt(wallet, accounts)
  } catch (thrown) {
    return faultOutcome(thrown)
  }
}

/** On page load, reconnects to the last visit's wallet. It never makes a wallet prompt. */
export async function reconnectWallet(): Promise<void> {
  const rdns = readRemembered()
  if (rdns === null || connected.peek() !== null) return
  const wallet = await waitForWallet(rdns)
  if (wallet === null) return
  try {
    const accounts = await readFromWallet(wallet.provider, 'eth_accounts')
    if (parseAccounts(accounts).length > 0 && connected.peek() === null) await adopt(wallet, accounts)
  } catch {
    // It can be connected by hand; a page that loads asks for nobody's attention.
  }
}

/** Forgets the wallet. The permission that the wallet has given this page is left to the wallet. */
export async function disconnectWallet(): Promise<void> {
  stopListening()
  stopListening = () => {}
  remember(null)
  connected.value = null
}

/** Has the connected account sign a text (EIP-191), unchanged. The person answers in the wallet. */
export async function signMessage(message: string): Promise<SignOutcome> {
  const current = connected.peek()
  if (current === null) return { kind: 'failed', detail: walletText.notConnected }
  try {
    const signature = await current.wallet.provider.request({
      method: 'personal_sign',
      params: [hexOf(message), current.address],
    })
    // A contract's signature may have any length (ERC-1271, ERC-6492).
    return typeof signature === 'string' && /^0x([0-9a-f]{2})+$/i.test(signature)
      ? { kind: 'signed', signature: signature as `0x${string}` }
      : { kind: 'failed', detail: walletText.noSignature }
  } catch (thrown) {
    const outcome = faultOutcome(thrown)
    return outcome.kind === 'busy' ? { kind: 'failed', detail: walletText.openRequest } : outcome
  }
}

/**
 * Records the network that a wallet was found on: not every wallet reports a change. Does nothing if the wallet is no
 * longer the connected one, or did not tell (null).
 */
export function noteChain(wallet: FoundWallet, chainId: number | null): void {
  const current = connected.peek()
  if (chainId === null || current?.wallet !== wallet || current.chainId === chainId) return
  connected.value = { ...current, chainId }
}

async function adopt(wallet: FoundWallet, answer: unknown): Promise<ConnectOutcome> {
  const [address] = parseAccounts(answer)
  if (address === undefined) return { kind: 'failed', detail: walletText.noAccount }
  const chainId = parseChainId(await readFromWallet(wallet.provider, 'eth_chainId'))
  if (chainId === null) return { kind: 'failed', detail: walletText.noChain }
  stopListening()
  connected.value = { address, chainId, wallet }
  stopListening = listen(wallet)
  remember(wallet.rdns)
  return { kind: 'connected' }
}

function faultOutcome(thrown: unknown): Exclude<ConnectOutcome, { kind: 'connected' }> {
  const fault = walletFault(thrown)
  switch (fault.kind) {
    case 'rejected':
    case 'busy':
      return fault
    case 'unauthorized':
      return { kind: 'failed', detail: walletText.noAccount }
    case 'failed':
      return { kind: 'failed', detail: fault.detail === '' ? walletText.silent : fault.detail }
    case 'unknown_chain':
    case 'insufficient_funds':
      return { kind: 'failed', detail: walletText.silent }
  }
}

function listen(wallet: FoundWallet): () => void {
  const { provider } = wallet
  const onAccounts = (accounts: unknown) => {
    const [address] = parseAccounts(accounts)
    const current = connected.peek()
    if (current?.wallet !== wallet) return
    if (address === undefined) void disconnectWallet()
    else if (current.address !== address) connected.value = { ...current, address }
  }
  const onChain = (value: unknown) => noteChain(wallet, parseChainId(value))
  // Also emitted while a wallet merely reconnects to its own node, so its accounts are read before it is believed.
  const onDisconnect = () => {
    readFromWallet(provider, 'eth_accounts').then(onAccounts, () => onAccounts([]))
  }
  provider.on?.('accountsChanged', onAccounts)
  provider.on?.('chainChanged', onChain)
  provider.on?.('disconnect', onDisconnect)
  return () => {
    provider.removeListener?.('accountsChanged', onAccounts)
    provider.removeListener?.('chainChanged', onChain)
    provider.removeListener?.('disconnect', onDisconnect)
  }
}

function waitForWallet(rdns: string): Promise<FoundWallet | null> {
  return new Promise((resolve) => {
    let stop: (() => void) | null = null
    const timer = setTimeout(() => finish(null), ANNOUNCED_WITHIN_MS)
    const finish = (wallet: FoundWallet | null) => {
      clearTimeout(timer)
      queueMicrotask(() => stop?.())
      resolve(wallet)
    }
    stop = foundWallets.subscribe((wallets) => {
      const wallet = wallets.find((found) => found.rdns === rdns)
      if (wallet !== undefined) finish(wallet)
    })
  })
}

function hexOf(text: string): `0x${string}` {
  const bytes = new TextEncoder().encode(text)
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** Storage may be denied; then the wallet just is not reconnected on the next visit. */
function remember(rdns: string | null) {
  try {
    if (rdns === null) localStorage.removeItem(REMEMBERED_KEY)
    else localStorage.setItem(REMEMBERED_KEY, rdns)
  } catch {}
}

function readRemembered(): string | null {
  try {
    return localStorage.getItem(REMEMBERED_KEY)
  } catch {
    return null
  }
}
