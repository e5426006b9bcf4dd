import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Sql } from '../database/connect.ts'
import { postEntries } from '../ledger/post.ts'
import type { GateEvent, OpenDeposit } from './deposit.ts'

/**
 * Takes back the credit of a deposit whose transaction a reorg removed: a new, opposite entry that names the first, in one
 * database transaction with the deposit's new state. The balance may go below zero.
 *
 * At most once: the row is locked and must still be credited at that very block; `ledger_entry_is_reversed_at_most_once`
 * admits one reversal per entry. With `movedTo` the transaction is in another block, where it counts anew as pending;
 * without, the deposit is `reversed` and looked for from `retryAt` on.
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
        block_number = ${(movedTo?.blockNumber ?? deposit.blockNumber).toString()},
        block_hash = ${movedTo?.blockHash ?? deposit.blockHash}, updated_at = now()
      where id = ${deposit.id}`
    await tx`
      insert into credits.outbox_event (kind, account, payload)
      values ('deposit.reversed', ${deposit.payer}, ${tx.json({
        id: deposit.id,
        rail: deposit.rail,
        txHash: deposit.txHash,
        payer: deposit.payer,
        amountBaseUnits: deposit.amountBaseUnits.toString(),
        reversedMicros: credit.micros.toString(),
        attempt: credit.attempt,
      })})`
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
