import { knownChain } from './chains.ts'

/** Where people can look at a transaction, or null on a chain whose explorer the page does not know. */
export function explorerLink(chainId: number, txHash: string): string | null {
  const chain = knownChain(chainId)
  return chain === null ? null : `${chain.explorerUrl}/tx/${txHash}`
}
