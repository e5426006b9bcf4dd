import type { Address, Hash } from 'viem'
import type { Asset, Rail } from '../config/config.ts'

/** What makes a deposit the same deposit, whatever block a reorg moves it to (ADR 0004). */
export interface DepositKey {
  chainId: number
  txHash: Hash
  asset: Asset
  payer: Address
}

/** `<chainId>-<txHash>-<asset>-<payer>`, all lower-case: the deposit's id everywhere, for ever. */
export function depositId({ chainId, txHash, asset, payer }: DepositKey): string {
  return `${chainId}-${txHash}-${asset}-${payer}`.toLowerCase()
}

/** The rail of an asset on a chain. */
export function railOf(asset: Asset, chainId: number): Rail {
  return `${asset}:${chainId}`
}
