import type { Address } from 'viem'

/** Reads the accounts that a wallet shows to this page, in lower case; anything that is not an address is left out. */
export function parseAccounts(value: unknown): Address[] {
  if (!Array.isArray(value)) return []
  return value
    .filter((item): item is string => typeof item === 'string' && /^0x[0-9a-f]{40}$/i.test(item))
    .map((item) => item.toLowerCase() as Address)
}

/**
 * Reads a chain id as wallets give it: hex as they should, or a decimal or a number as some do; null if it is none of
 * these.
 */
export function parseChainId(value: unknown): number | null {
  const isText = typeof value === 'string' && /^(0x[0-9a-f]+|[0-9]+)$/i.test(value)
  const chainId = typeof value === 'number' || isText ? Number(value) : Number.NaN
  return Number.isSafeInteger(chainId) && chainId > 0 ? chainId : null
}

/** Reads a quantity from a wallet's answer (`0x1f`), exactly; null if it is not one. */
export function parseQuantity(value: unknown): bigint | null {
  return typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value) ? BigInt(value) : null
}
