import { type Address, toEventSelector, zeroAddress } from 'viem'
import type { Asset } from '../../config/config.ts'
import { shapeError } from '../rpc/rpcError.ts'
import { callFrame, type WireReceipt } from '../rpc/wire.ts'

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
 * topics and 32 bytes of data. Zero amounts, mints and the wallet's transfers to itself do not count. Pure.
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

/** null when the upper 12 bytes are not zero: then it is no address. */
function addressOfTopic(topic: string | undefined): Address | null {
  return topic?.startsWith('0x000000000000000000000000') ? `0x${topic.slice(26)}` : null
}

/**
 * Reads the ETH payments to `wallet` out of a call trace (geth's callTracer). Only CALL and SELFDESTRUCT frames move ETH
 * to another account: a DELEGATECALL or CALLCODE frame aimed at the wallet carries a value but moves nothing, and
 * everything beneath a failed frame is undone even when the transaction succeeds.
 *
 * Pure. Throws RpcError (`shape`) when anything in the trace is not what a callTracer answers.
 */
export function transfersFromTrace(trace: unknown, wallet: Address): ProvenTransfer[] {
  const transfers: ProvenTransfer[] = []
  // A list instead of recursion: the payer decides how deep a trace goes, and must not exhaust our stack.
  const open = [trace]
  while (open.length > 0) {
    const parsed = callFrame.safeParse(open.pop())
    if (!parsed.success) throw shapeError('callTracer')
    const frame = parsed.data
    if (frame.error != null) continue
    const movesEther = frame.type === 'CALL' || frame.type === 'SELFDESTRUCT'
    if (movesEther && frame.to === wallet && frame.from !== wallet && (frame.value ?? 0n) > 0n) {
      transfers.push({ asset: 'eth', payer: frame.from, amountBaseUnits: frame.value ?? 0n })
    }
    for (const call of frame.calls ?? []) open.push(call)
  }
  return transfers
}
