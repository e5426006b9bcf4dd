import type { Address } from 'viem'

/** Reads the accounts that a wallet shows to this page, lower-case; what is no address is left out. */
export function parseAccounts(value: unknown): Address[] {
  if (!Array.isArray(value)) return []
  return value
    .filter((item): item is string => typeof item === 'string' && /^0x[0-9a-f]{40}$/i.test(item))
    .map((item) => item.toLowerCase() as Address)
}
