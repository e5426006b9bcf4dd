/** What the page knows of a chain without asking. */
export interface KnownChain {
  name: string
  /** The usual time between blocks. */
  blockSeconds: number
  /** Where people look at transactions. Only linked to; nothing is loaded from it. */
  explorerUrl: string
}

const known = new Map<number, KnownChain>([
  [1, { name: 'Ethereum', blockSeconds: 12, explorerUrl: 'https://etherscan.io' }],
  [8453, { name: 'Base', blockSeconds: 2, explorerUrl: 'https://basescan.org' }],
])

/** The chain with this id, or null if the page does not know it. */
export function knownChain(chainId: number): KnownChain | null {
  return known.get(chainId) ?? null
}

/** The block explorer's page of a transaction, or null on a chain that the page does not know. */
export function explorerLink(chainId: number, txHash: string): string | null {
  const chain = knownChain(chainId)
  return chain === null ? null : `${chain.explorerUrl}/tx/${txHash}`
}
