import { walletText } from '../text/wallet.ts'
import { connected, noteChain } from './connection.ts'
import type { FoundWallet } from './foundWallets.ts'
import { parseChainId } from './parseAnswers.ts'
import { readFromWallet } from './readFromWallet.ts'
import { walletFault } from './walletFault.ts'

/** The outcome of asking a wallet to switch to another network. */
export type SwitchOutcome =
  | { kind: 'switched' }
  | { kind: 'rejected' }
  | { kind: 'busy' }
  | { kind: 'unknown_chain' }
  | { kind: 'failed'; detail: string }

const MAX_ATTEMPTS = 10
const RETRY_AFTER_MS = 200

/**
 * Asks the connected wallet to switch to a network (EIP-3326), and believes it only once the wallet reports that network.
 * A network that the wallet does not know is not added from here (EIP-3085): that would take an RPC URL, whose owner
 * would see the person's payments. The page says to add it in the wallet.
 */
export async function switchChain(chainId: number): Promise<SwitchOutcome> {
  const current = connected.peek()
  if (current === null) return { kind: 'failed', detail: walletText.notConnected }
  const { provider } = current.wallet
  try {
    await provider.request({
      method: 'wallet_switchEthereumChain',
      params: [{ chainId: `0x${chainId.toString(16)}` }],
    })
    return (await arrives(current.wallet, chainId))
      ? { kind: 'switched' }
      : { kind: 'failed', detail: walletText.didNotSwitch }
  } catch (thrown) {
    const fault = walletFault(thrown)
    switch (fault.kind) {
      case 'rejected':
      case 'busy':
      case 'unknown_chain':
        return fault
      case 'failed':
        return { kind: 'failed', detail: fault.detail }
      case 'unauthorized':
      case 'insufficient_funds':
        return { kind: 'failed', detail: walletText.didNotSwitch }
    }
  }
}

/** Some wallets answer before they have switched. */
async function arrives(wallet: FoundWallet, chainId: number): Promise<boolean> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS))
    if (parseChainId(await readFromWallet(wallet.provider, 'eth_chainId')) !== chainId) continue
    noteChain(wallet, chainId)
    return true
  }
  return false
}
