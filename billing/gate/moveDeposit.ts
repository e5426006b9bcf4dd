import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import type { OpenDeposit } from './gateDeps.ts'

/**
 * Follows a transaction to the block a reorg moved it to: the deposit is pending there and is proven anew. A lost deposit
 * that comes back tells so by an event. Nothing happens to a deposit that was decided or moved meanwhile.
 */
export async function moveDeposit(sql: Sql, deposit: OpenDeposit, to: TransactionLocation): Promise<void> {
  const cameBack = deposit.state === 'orphaned' || deposit.state === 'reversed'
  await sql`
    with moved as (
      update credits.deposit
      set state = 'pending', reason = null, detail = null, retry_at = null, failures = 0, final = false,
        block_number = ${to.blockNumber.toString()}, block_hash = ${to.blockHash}, updated_at = now()
      where id = ${deposit.id} and state = ${deposit.state} and block_hash = ${deposit.blockHash}
      returning id, payer, rail, tx_hash, amount_base_units
    )
    insert into credits.outbox_event (kind, account, payload)
    select 'deposit.pending', payer, jsonb_build_object(
      'id', id, 'rail', rail, 'txHash', tx_hash, 'payer', payer, 'amountBaseUnits', amount_base_units::text)
    from moved where ${cameBack}`
}
