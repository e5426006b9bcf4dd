import type { Sql } from '../database/connect.ts'

/** One credit of a deposit, with the quote it was given by as it is stored. */
export interface CreditView {
  attempt: number
  entryId: bigint
  /** null while it stands. */
  reversalEntryId: bigint | null
  amountBaseUnits: bigint
  micros: bigint
  /** As `quoteToJson` wrote it. */
  quote: unknown
  blockNumber: bigint
  blockHash: string
  createdAt: Date
}

/** Reads every credit that a deposit has had, first to last; more than one only after reversals. */
export async function readCredits(sql: Sql, depositId: string): Promise<CreditView[]> {
  const rows = await sql<(Omit<CreditView, 'amountBaseUnits'> & { amountBaseUnits: string })[]>`
    select attempt, entry_id as "entryId", reversal_entry_id as "reversalEntryId",
      amount_base_units as "amountBaseUnits", micros, quote, block_number as "blockNumber",
      block_hash as "blockHash", created_at as "createdAt"
    from credits.deposit_credit where deposit_id = ${depositId} order by attempt`
  return rows.map((row) => ({ ...row, amountBaseUnits: BigInt(row.amountBaseUnits) }))
}
