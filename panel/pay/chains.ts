/** What the page knows of a chain by itself. */
export interface KnownChain {
  name: string
  /** The usual time between blocks. */
  blockSeconds: number
  /** Where people look at transactions; a link for them, nothing is loaded from it. */
  explorerUrl: string
}

const known = new Map<number, KnownChain>([
  [1, { name: 'Ethereum', blockSeconds: 12, explorerUrl: 'https://etherscan.io' }],
  [8453, { name: 'Base', blockSeconds: 2, explorerUrl: 'https://basescan.org' }],
])

/** The chain of an id, or null for one the page knows nothing of. */
export function knownChain(chainId: number): KnownChain | null {
  return known.get(chainId) ?? null
}

/** Where people can look at a transaction, or null on a chain whose explorer the page does not know. */
export function explorerLink(chainId: number, txHash: string): string | null {
  const chain = knownChain(chainId)
  return chain === null ? null : `${chain.explorerUrl}/tx/${txHash}`
}
