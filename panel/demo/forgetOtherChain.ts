import { demoWalletMark } from './demoWalletMark.ts'

const CHAIN_KEY = `${demoWalletMark}.chain`

/**
 * Every run of the demo has a new chain at the same address. What the page remembers of another one (a sign-in, payments
 * that nobody knows any more) is forgotten; where there was something, the page loads anew. A chain that does not answer
 * changes nothing.
 */
export async function forgetOtherChain(rpcUrl: string): Promise<void> {
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
