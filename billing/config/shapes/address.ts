import { type Address, getAddress } from 'viem'
import type { Shape } from '../shape.ts'

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`

/** An address, stored in lower case. Mixed case must carry the right EIP-55 checksum: it is there to catch a wrong digit. */
export const address: Shape<Address> = {
  mayBe: 'an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum',
  parse(text) {
    if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return { ok: false, why: null }
    const digits = text.slice(2)
    const value: Address = `0x${digits.toLowerCase()}`
    if (value === ZERO_ADDRESS) return { ok: false, why: 'it is the zero address' }
    const isMixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase()
    if (isMixed && getAddress(value) !== text) return { ok: false, why: 'its EIP-55 checksum is wrong' }
    return { ok: true, value }
  },
}
