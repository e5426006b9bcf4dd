/** Reads a chain id as wallets give it: hex as they should, or a decimal or a number as some do; null where it is none. */
export function parseChainId(value: unknown): number | null {
  const isText = typeof value === 'string' && /^(0x[0-9a-f]+|[0-9]+)$/i.test(value)
  const chainId = typeof value === 'number' || isText ? Number(value) : Number.NaN
  return Number.isSafeInteger(chainId) && chainId > 0 ? chainId : null
}
