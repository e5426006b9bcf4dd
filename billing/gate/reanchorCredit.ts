import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import type { OpenDeposit } from './gateDeps.ts'

/**
 * Lets a credit follow its transaction to another block, where the very same payment has been proven: nothing was lost, so
 * nothing is taken back, and the quote stays the one it was credited by (ADR 0010).
 */
export async function reanchorCredit(sql: Sql, deposit: OpenDeposit, to: TransactionLocation): Promise<void> {
  await sql.begin(async (tx) => {
    const moved = await tx`
      update credits.deposit
      set block_number = ${to.blockNumber.toString()}, block_hash = ${to.blockHash}, updated_at = now()
      where id = ${deposit.id} and state = 'credited' and block_hash = ${deposit.blockHash}
      returning id`
    if (moved.length === 0) return
    await tx`
      update credits.deposit_credit
      set block_number = ${to.blockNumber.toString()}, block_hash = ${to.blockHash}
      where deposit_id = ${deposit.id} and reversal_entry_id is null`
  })
}
