import type { Hash } from 'viem'
import type { Sql } from '../database/connect.ts'
import { type ConfirmationsRequired, queryDepositViews } from '../deposits/depositViews.ts'
import type { DepositView } from './transactionView.ts'

/** Reads deposits by their ids, or all recorded deposits of a transaction, ordered by id; those that are not there are missing. */
export async function readDeposits(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  key: { id: string } | { ids: string[] } | { txHash: Hash },
): Promise<DepositView[]> {
  const condition =
    'txHash' in key
      ? sql`d.tx_hash = ${key.txHash}`
      : sql`d.id = any(${'ids' in key ? key.ids : [key.id]}::text[])`
  return queryDepositViews(sql, confirmationsRequired, sql`where ${condition} order by d.id`)
}
