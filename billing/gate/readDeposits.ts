import type { Hash } from 'viem'
import type { Sql } from '../database/connect.ts'
import { type ConfirmationsRequired, queryDepositViews } from './queryDepositViews.ts'
import type { DepositView } from './transactionView.ts'

/** Reads one deposit by its id, or all recorded deposits of a transaction, ordered by id; empty when there is none. */
export async function readDeposits(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  key: { id: string } | { txHash: Hash },
): Promise<DepositView[]> {
  const condition = 'id' in key ? sql`d.id = ${key.id}` : sql`d.tx_hash = ${key.txHash}`
  return queryDepositViews(sql, confirmationsRequired, sql`where ${condition} order by d.id`)
}
