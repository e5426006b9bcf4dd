import type { Evidence } from '../chain/proof/evidence.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Asset, EthDetection } from '../config/config.ts'
import type { OpenDeposit } from '../deposits/deposit.ts'
import { arrivedAmount } from './planDeposit.ts'

/**
 * Whether a credited transaction, in the block a reorg moved it to, still pays what was credited. The settings by which it
 * would be judged today say nothing about that, and nor does what it is worth. Pure.
 *
 * @param way How the chain's RPCs show ETH now: what a trace showed is not taken back for want of one.
 */
export function planMoved(
  deposit: OpenDeposit,
  evidence: Agreed<Evidence>,
  { asset, way }: { asset: Asset; way: EthDetection },
): 'same' | 'different' | 'unknown' {
  if (evidence.kind !== 'agreed' || !evidence.value.canonical) return 'unknown'
  const transaction = evidence.value.transactions.find(({ txHash }) => txHash === deposit.txHash)
  if (transaction === undefined) return 'unknown'
  const paid = transaction.succeeded
    ? transaction.transfers.find((transfer) => transfer.asset === asset && transfer.payer === deposit.payer)
    : undefined
  const arrived = paid === undefined ? 0n : arrivedAmount(paid.amountBaseUnits, asset, evidence.value)
  if (arrived === null) return 'unknown'
  if (arrived === deposit.amountBaseUnits) return 'same'
  const isWeaker = asset === 'eth' && way === 'transactions' && deposit.seenUnder?.by === 'traces'
  return isWeaker && transaction.succeeded ? 'unknown' : 'different'
}
