import { type Address, toEventSelector, zeroAddress } from 'viem'
import type { Asset } from '../../config/config.ts'
import type { WireReceipt } from '../rpc/wire.ts'

/** A proven movement of an asset to the revenue wallet. */
export interface ProvenTransfer {
  asset: Asset
  payer: Address
  /** Base units, more than 0. */
  amountBaseUnits: bigint
}

/** keccak256 of the ERC-20 Transfer event (EIP-20). */
export const TRANSFER_TOPIC = toEventSelector('Transfer(address,address,uint256)')

/**
 * Reads the token payments to `wallet` out of a receipt: logs of the configured contracts only, with the standard three
 * topics and 32 bytes of data. Zero amounts, mints and the wallet's transfers to itself are no payments. Pure.
 */
export function transfersFromReceipt(
  receipt: Pick<WireReceipt, 'logs'>,
  tokens: ReadonlyMap<Address, Asset>,
  wallet: Address,
): ProvenTransfer[] {
  return receipt.logs.flatMap((log) => {
    const asset = tokens.get(log.address)
    const [topic, fromTopic, toTopic] = log.topics
    if (asset === undefined || log.removed === true || log.topics.length !== 3 || topic !== TRANSFER_TOPIC)
      return []
    const payer = addressOfTopic(fromTopic)
    if (payer === null || addressOfTopic(toTopic) !== wallet || log.data.length !== 66) return []
    const amountBaseUnits = BigInt(log.data)
    if (amountBaseUnits === 0n || payer === zeroAddress || payer === wallet) return []
    return [{ asset, payer, amountBaseUnits }]
  })
}

/** null when the upper 12 bytes are not zero: no address looks like that. */
function addressOfTopic(topic: string | undefined): Address | null {
  return topic?.startsWith('0x000000000000000000000000') ? `0x${topic.slice(26)}` : null
}
