import { z } from '@hono/zod-openapi'
import type { DepositView } from '../../deposits/depositViews.ts'
import { type DepositReason, depositReasons, depositStates } from '../../deposits/schema.ts'
import type { TransactionView } from '../../desk/createDesk.ts'
import { bigintText, formatMinutes, minutesText } from './amounts.ts'

/** Until when a deposit is held, for whoever reads the document. */
const heldUntil: Record<DepositReason, string> = {
  below_minimum: "the payer's payments on that rail reach the minimum together",
  price_unavailable: 'there is a price that can be trusted',
  state_unavailable: 'the state of its block can be read',
  rpc_disagreement: 'the RPCs agree',
  evidence_unavailable: 'its receipt or trace can be read',
  payment_not_seen:
    'the RPCs show it; its block stands, and what they say of it now does not contain the payment',
  amount_too_large: 'the operator decides',
  amount_unclear: 'the operator decides',
  daily_cap_reached: 'there is room in a day',
  rail_disabled: 'its rail is enabled again',
  setup_changed: 'payments are received as they were when it was seen, or the operator releases it',
}

/** Why a deposit is held, with the meaning of each reason. */
export const depositReasonSchema = z.enum(depositReasons).openapi({
  description: `Why it is held, until:\n\n${depositReasons.map((reason) => `- \`${reason}\`: ${heldUntil[reason]}`).join('\n')}`,
})

/** The schema of a deposit in all answers. */
export const DepositSchema = z
  .strictObject({
    id: z.string().openapi({ description: '`<chainId>-<txHash>-<asset>-<payer>`; no reorg changes it.' }),
    txHash: z.string(),
    chainId: z.int(),
    rail: z.string().openapi({ example: 'usdc:8453' }),
    payer: z.string().openapi({ description: 'Whose account is credited.' }),
    amountBaseUnits: bigintText,
    state: z
      .enum(depositStates)
      .openapi({ description: '`rejected` was written by versions before 0.2, and is `held` now.' }),
    reason: depositReasonSchema.nullable(),
    retryAt: z.iso.datetime().nullable().openapi({ description: 'When a held deposit is looked at next.' }),
    confirmations: z.int().openapi({ description: 'head − block + 1; 0 in the mempool.' }),
    confirmationsRequired: z.int(),
    creditMicros: bigintText.nullable().openapi({ description: 'What was credited; null before that.' }),
    creditMinutes: minutesText.nullable(),
    blockNumber: bigintText.nullable().openapi({ description: 'null while only in the mempool.' }),
    blockTime: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'The time of its block; null while it is not recorded.' }),
    creditedAt: z.iso.datetime().nullable().openapi({ description: 'When the credit was given.' }),
  })
  .openapi('Deposit')

/** A deposit as JSON. */
export function depositJson(deposit: DepositView): z.input<typeof DepositSchema> {
  return {
    id: deposit.id,
    txHash: deposit.txHash,
    chainId: deposit.chainId,
    rail: deposit.rail,
    payer: deposit.payer,
    amountBaseUnits: deposit.amountBaseUnits.toString(),
    state: deposit.state,
    reason: deposit.reason,
    retryAt: deposit.retryAt?.toISOString() ?? null,
    confirmations: deposit.confirmations,
    confirmationsRequired: deposit.confirmationsRequired,
    creditMicros: deposit.creditMicros?.toString() ?? null,
    creditMinutes: deposit.creditMicros === null ? null : formatMinutes(deposit.creditMicros),
    blockNumber: deposit.blockNumber?.toString() ?? null,
    blockTime: deposit.blockTime?.toISOString() ?? null,
    creditedAt: deposit.creditedAt?.toISOString() ?? null,
  }
}

/**
 * The schema of a deposit for the operator only. It lists all fields again instead of using `extend`, which would say in
 * OpenAPI that it must also be a plain deposit, which has no further fields.
 */
export const AdminDepositSchema = z
  .strictObject({
    ...DepositSchema.shape,
    detail: z.string().nullable().openapi({ description: 'Why it is held, in a sentence for the operator.' }),
  })
  .openapi('AdminDeposit')

/** A deposit as JSON for the operator: with the detail, which may mention RPCs and settings and is for nobody else. */
export function adminDepositJson(deposit: DepositView): z.input<typeof AdminDepositSchema> {
  return { ...depositJson(deposit), detail: deposit.detail }
}

/** The schema of what is known about one transaction. */
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
