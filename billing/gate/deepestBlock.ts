import type { Head } from '../chain/readHead.ts'

/** The deepest block number at which a deposit has its confirmations: the block of inclusion is the first of them. */
export function deepestBlock(head: Head, confirmations: number): bigint {
  return head.number - BigInt(confirmations) + 1n
}
