import { z } from '@hono/zod-openapi'
import type { TransactionView } from '../gate/transactionView.ts'
import { DepositSchema, depositJson } from './json/depositJson.ts'

/** The schema of what is known of one transaction. */
export const TransactionSchema = z
  .strictObject({
    txHash: z.string(),
    outcome: z.enum(['pending', 'settled', 'no_qualifying_transfer', 'transaction_failed']).openapi({
      description:
        '`pending`: something may still change (mempool, confirmations, held). The others are final.',
    }),
    deposits: z.array(DepositSchema),
  })
  .openapi('Transaction')

/** A transaction as JSON. */
export function transactionJson(transaction: TransactionView): z.input<typeof TransactionSchema> {
  return {
    txHash: transaction.txHash,
    outcome: transaction.outcome,
    deposits: transaction.deposits.map(depositJson),
  }
}
