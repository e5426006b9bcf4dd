import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import { insertDepositReversed } from '../events/outbox.ts'
import { postEntries } from '../ledger/post.ts'
import type { GateEvent, OpenDeposit } from './deposit.ts'

/**
 * Takes back the credit of a deposit whose transaction a reorg removed: posts an opposite entry that names the first, in
 * one database transaction with the deposit's new state. The balance may go below zero.
 *
 * At most once: the row is locked and must still be credited at that block; `ledger_entry_is_reversed_at_most_once` allows
 * one reversal per entry. With `movedTo` the transaction is in another block and the deposit is pending there; without it
 * the deposit is `reversed`, and searched for from `retryAt` on.
 */
export async function reverseCredit(
  sql: Sql,
  deposit: OpenDeposit,
  { movedTo, retryAt, now }: { movedTo: TransactionLocation | null; retryAt: Date | null; now: Date },
): Promise<GateEvent | null> {
  return sql.begin(async (tx) => {
    const [credit] = await tx<{ entryId: bigint; micros: bigint; attempt: number }[]>`
      select c.entry_id as "entryId", c.micros, c.attempt
      from credits.deposit d
      join credits.deposit_credit c on c.deposit_id = d.id and c.reversal_entry_id is null
      where d.id = ${deposit.id} and d.state = 'credited' and d.block_hash = ${deposit.blockHash}
      for update of d`
    if (credit === undefined) return null
    const [reversal] = await postEntries(tx, [
      {
        account: deposit.payer,
        kind: 'deposit_reversal',
        micros: -credit.micros,
        reference: `deposit_reversal:${deposit.id}:${credit.attempt}`,
        reversesEntryId: credit.entryId,
        details: {
          depositId: deposit.id,
          attempt: credit.attempt,
          rail: deposit.rail,
          txHash: deposit.txHash,
          blockHash: deposit.blockHash,
        },
        eventAt: now,
      },
    ])
    if (reversal === undefined) throw new Error('posting a reversal returned no entry')
    await tx`
      update credits.deposit_credit set reversal_entry_id = ${reversal.id.toString()}
      where deposit_id = ${deposit.id} and attempt = ${credit.attempt}`
    await tx`
      update credits.deposit
      set state = ${movedTo === null ? 'reversed' : 'pending'}, credit_micros = null, credited_at = null, failures = 0,
        retry_at = ${movedTo === null ? retryAt : null},
        seen_base_units = case when block_hash = ${movedTo?.blockHash ?? deposit.blockHash} then seen_base_units end,
        block_number = ${(movedTo?.blockNumber ?? deposit.blockNumber).toString()},
        block_hash = ${movedTo?.blockHash ?? deposit.blockHash}, updated_at = now()
      where id = ${deposit.id}`
    await tx`
      with reversed as (
        select d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, c.micros as reversed_micros, c.attempt
        from credits.deposit d join credits.deposit_credit c on c.deposit_id = d.id
        where d.id = ${deposit.id} and c.attempt = ${credit.attempt}
      )
      ${insertDepositReversed(tx, tx`reversed`)}`
    return {
      kind: 'reversed',
      depositId: deposit.id,
      rail: deposit.rail,
      payer: deposit.payer,
      micros: credit.micros,
      blockNumber: deposit.blockNumber,
      attempt: credit.attempt,
    }
  })
}

/**
 * Moves a credit with its transaction to another block, in which the same payment has been proven: nothing was lost, so
 * nothing is taken back, and the deposit keeps the quote it was credited by (ADR 0010).
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
