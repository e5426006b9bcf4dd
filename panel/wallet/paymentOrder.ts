import type { Address } from 'viem'

/** A payment as it is requested from a wallet: exact, and for one chain only. */
export interface PaymentOrder {
  rail: string
  chainId: number
  /** The token's contract; null for the chain's own coin. */
  token: Address | null
  revenueWallet: Address
  /** Whose account pays, and is credited. */
  payer: Address
  amountBaseUnits: bigint
}
