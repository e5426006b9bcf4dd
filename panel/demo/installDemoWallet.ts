import './demoWallet.css'
import { demoText } from '../text/demo.ts'
import { createDemoProvider } from './createDemoProvider.ts'
import { demoWalletMark } from './demoWalletMark.ts'

const CHAIN_KEY = `${demoWalletMark}.chain`

const icon = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#8a5300"/>' +
    '<rect x="8" y="10" width="16" height="13" rx="2.5" fill="none" stroke="#fff" stroke-width="2"/>' +
    '<circle cx="20.5" cy="16.5" r="1.5" fill="#fff"/></svg>',
)}`

/**
 * Puts a wallet into the page for people who have none at hand, and shows a banner saying that this is a demo. Only the
 * demo's own build contains it, and only `?demo` in the address loads it; see `main.tsx`.
 */
export async function installDemoWallet(): Promise<void> {
  const rpcUrl = `${location.origin}/demo/rpc`
  showBanner()
  await forgetOtherChain(rpcUrl)
  const provider = createDemoProvider(rpcUrl)
  const info = { uuid: crypto.randomUUID(), name: demoText.walletName, rdns: `local.${demoWalletMark}`, icon }
  const detail = Object.freeze({ info: Object.freeze(info), provider: Object.freeze(provider) })
  const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  window.addEventListener('eip6963:requestProvider', announce)
  announce()
}

function showBanner(): void {
  const banner = document.createElement('aside')
  banner.className = `${demoWalletMark}-banner`
  banner.setAttribute('aria-label', demoText.bannerLabel)
  banner.textContent = demoText.banner
  document.body.prepend(banner)
}

/**
 * Every run of the demo has a new chain at the same address. Clears what the page remembers of another chain (a sign-in,
 * payments that no longer exist), and reloads the page if there was anything. Does nothing while the chain does not
 * answer.
 */
async function forgetOtherChain(rpcUrl: string): Promise<void> {
  const chain = await readGenesis(rpcUrl)
  if (chain === null || localStorage.getItem(CHAIN_KEY) === chain) return
  const stale = Object.keys(localStorage).filter((key) => key.startsWith('axonos'))
  for (const key of stale) localStorage.removeItem(key)
  localStorage.setItem(CHAIN_KEY, chain)
  if (stale.length === 0) return
  location.reload()
  await new Promise(() => {})
}

async function readGenesis(rpcUrl: string): Promise<string | null> {
  try {
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber', params: ['0x0', false] }),
    })
    return ((await response.json()) as { result: { hash: string } }).result.hash
  } catch {
    return null
  }
}
