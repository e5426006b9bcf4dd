import type postgres from 'postgres'
import type { Sql } from '../database/connect.ts'
import type { DepositView } from '../gate/transactionView.ts'

/** The confirmations that a chain's deposits need, by chain id. */
export type ConfirmationsRequired = (chainId: number) => number

type Row = Omit<DepositView, 'chainId' | 'amountBaseUnits' | 'confirmationsRequired' | 'confirmations'> & {
  chainId: bigint
  amountBaseUnits: string
  confirmations: bigint
}

/**
 * Reads recorded deposits as callers see them. `rest` is what follows FROM, with the deposit as `d`: the condition, the
 * order, the limit. Confirmations come from the head the gate last saw: 0 for a deposit whose block is no longer
 * canonical, and never below 0 where the head went backwards.
 */
export async function queryDepositViews(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  rest: postgres.Fragment,
): Promise<DepositView[]> {
  const rows = await sql<Row[]>`
    select d.id, d.tx_hash as "txHash", d.chain_id as "chainId", d.rail, d.payer, d.state, d.reason, d.detail,
      d.amount_base_units as "amountBaseUnits", d.credit_micros as "creditMicros",
      d.block_number as "blockNumber", d.retry_at as "retryAt",
      d.block_timestamp as "blockTime", case when d.state = 'credited' then d.credited_at end as "creditedAt",
      case when d.state in ('orphaned', 'reversed') then 0
        else greatest(coalesce(s.head_number - d.block_number + 1, 0), 0) end as confirmations
    from credits.deposit d
    left join credits.chain_status s on s.chain_id = d.chain_id
    ${rest}`
  return rows.map((row) => {
    const chainId = Number(row.chainId)
    return {
      ...row,
      chainId,
      amountBaseUnits: BigInt(row.amountBaseUnits),
      confirmations: Number(row.confirmations),
      confirmationsRequired: confirmationsRequired(chainId),
    }
  })
}
