import { z } from '@hono/zod-openapi'
import { type Address, checksumAddress } from 'viem'

/**
 * A wallet address in a request: 0x and 40 hex digits in any case, made lower-case. Written in mixed case it must have
 * the right EIP-55 checksum: that is the one chance to notice a mistyped address before credit goes to it.
 */
export const addressField = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be 0x and 40 hex digits')
  .refine(hasValidCase, 'is written in mixed case, but its EIP-55 checksum is wrong')
  .transform((text) => text.toLowerCase() as Address)

function hasValidCase(text: string): boolean {
  const digits = text.slice(2)
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return true
  return checksumAddress(text.toLowerCase() as Address) === text
}
