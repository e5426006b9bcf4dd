/** What a payment link asks for. */
export interface PaymentLink {
  chainId: number
  /** The token's contract; null for the chain's own coin. */
  token: string | null
  revenueWallet: string
  amountBaseUnits: bigint
}

/**
 * Formats a payment as a link that wallets open (EIP-681): the coin as `value`, a token as a call of its `transfer`. It
 * always names the chain, or a wallet would pay on whichever it is set to. Amounts are in base units, since wallets
 * differ in how they read the scientific notation of the standard.
 */
export function eip681({ chainId, token, revenueWallet, amountBaseUnits }: PaymentLink): string {
  return token === null
    ? `ethereum:${revenueWallet}@${chainId}?value=${amountBaseUnits}`
    : `ethereum:${token}@${chainId}/transfer?address=${revenueWallet}&uint256=${amountBaseUnits}`
}
