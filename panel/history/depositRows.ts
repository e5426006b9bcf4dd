import type { Deposit } from '../api/apiTypes.ts'
import { formatAmount } from '../pay/formatAmount.ts'
import type { CsvRows } from './csvRows.ts'

const HEADER = [
  ...['id', 'rail', 'amount', 'amountBaseUnits', 'state', 'reason', 'confirmations', 'creditMinutes'],
  ...['chainId', 'blockNumber', 'txHash', 'payer', 'blockTime', 'creditedAt'],
]

/**
 * Payments as rows of a file; columns are named as by the service, amounts are exact.
 *
 * @param decimalsOf decimals of a rail's asset; null for one that is not known (any more): base units are there anyway
 */
export function depositRows(deposits: Deposit[], decimalsOf: (rail: string) => number | null): CsvRows {
  const rows = deposits.map((deposit) => {
    const decimals = decimalsOf(deposit.rail)
    return [
      deposit.id,
      deposit.rail,
      decimals === null ? null : formatAmount(BigInt(deposit.amountBaseUnits), decimals),
      deposit.amountBaseUnits,
      deposit.state,
      deposit.reason,
      deposit.confirmations,
      deposit.creditMinutes,
      deposit.chainId,
      deposit.blockNumber,
      deposit.txHash,
      deposit.payer,
      deposit.blockTime,
      deposit.creditedAt,
    ]
  })
  return [HEADER, ...rows]
}
