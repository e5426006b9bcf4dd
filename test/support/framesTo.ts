import type { Address, Client, Hash } from 'viem'
import { type CallFrame, traceTransaction } from './traceTransaction.ts'

export interface AimedFrame {
  type: string
  from: string
  value: bigint
  /** It or a frame around it reverted. */
  undone: boolean
}

/** The frames of a transaction that are aimed at an address, outermost first. */
export async function framesTo(client: Client, hash: Hash, address: Address): Promise<AimedFrame[]> {
  const found: AimedFrame[] = []
  const visit = (frame: CallFrame, around: boolean) => {
    const undone = around || frame.error !== undefined
    const { type, from } = frame
    if (frame.to === address) found.push({ type, from, value: BigInt(frame.value ?? 0), undone })
    for (const child of frame.calls ?? []) visit(child, undone)
  }
  visit(await traceTransaction(client, hash), false)
  return found
}
