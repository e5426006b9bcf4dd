/** What a payment link asks for. */
export interface PaymentLink {
  chainId: number
  /** The token's contract; null for the chain's own coin. */
  token: string | null
  revenueWallet: string
  amountBaseUnits: bigint
}

/**
 * Writes a payment as a link that wallets open (EIP-681): the coin as `value`, a token as a call of its `transfer`. The
 * chain is always in it, or a wallet would pay on whichever it stands. Amounts in base units, since wallets read the
 * scientific notation of the standard unequally.
 */
export function eip681({ chainId, token, revenueWallet, amountBaseUnits }: PaymentLink): string {
  return token === null
    ? `ethereum:${revenueWallet}@${chainId}?value=${amountBaseUnits}`
    : `ethereum:${token}@${chainId}/transfer?address=${revenueWallet}&uint256=${amountBaseUnits}`
}
