import type { Address } from 'viem'
import type { ProvenTransfer } from './proof/transfers.ts'
import { RpcShapeError } from './rpc/rpcEndpoint.ts'
import { callFrame } from './rpc/wire.ts'

/**
 * Reads the ETH payments to `wallet` out of a call trace (geth's callTracer). Only CALL and SELFDESTRUCT frames move ETH
 * to another account: a DELEGATECALL or CALLCODE frame aimed at the wallet carries a value and moves nothing, and
 * whatever happens beneath a failed frame is undone even when the transaction succeeds.
 *
 * Pure. Throws RpcShapeError when anything in the trace is not what a callTracer answers.
 */
export function transfersFromTrace(trace: unknown, wallet: Address): ProvenTransfer[] {
  const transfers: ProvenTransfer[] = []
  // A list, not recursion: how deep a trace goes is the payer's to choose, and the stack is ours.
  const open = [trace]
  while (open.length > 0) {
    const parsed = callFrame.safeParse(open.pop())
    if (!parsed.success) throw new RpcShapeError('callTracer')
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
