import { knownChain } from '../../pay/chains.ts'
import { commonText } from '../../text/common.ts'

/** What people call a chain; its id where the page does not know it. */
export function chainName(chainId: number): string {
  return knownChain(chainId)?.name ?? commonText.chain(chainId)
}
