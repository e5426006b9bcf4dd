/** What a pasted text parses to: a transaction hash in lower case, or why it is not one. */
export type ParsedHash =
  | { kind: 'hash'; txHash: string }
  | { kind: 'empty' }
  | { kind: 'address' }
  | { kind: 'short'; digits: number }
  | { kind: 'form' }

/**
 * Reads a pasted transaction hash: alone, or within a link to a block explorer. The service accepts lower case only, and
 * people paste either.
 */
export function parseHash(text: string): ParsedHash {
  const trimmed = text.trim()
  if (trimmed === '') return { kind: 'empty' }
  const [, linked] = /^https?:\/\/\S*\/tx\/(0x[0-9a-f]{64})(?:[/?#]\S*)?$/i.exec(trimmed) ?? []
  const candidate = linked ?? trimmed
  const [, digits] = /^(?:0x)?([0-9a-f]+)$/i.exec(candidate) ?? []
  if (digits === undefined) return { kind: 'form' }
  if (digits.length === 64) return { kind: 'hash', txHash: `0x${digits.toLowerCase()}` }
  if (digits.length === 40) return { kind: 'address' }
  return digits.length < 64 && /^0x/i.test(candidate)
    ? { kind: 'short', digits: digits.length }
    : { kind: 'form' }
}
