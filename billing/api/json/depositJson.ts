import { z } from '@hono/zod-openapi'
import { depositReasons, depositStates } from '../../gate/schema.ts'
import type { DepositView } from '../../gate/transactionView.ts'
import { bigintText } from '../bigintText.ts'
import { minutesText } from '../minutesText.ts'
import { formatMinutes } from './amounts.ts'

/** The schema of a deposit in every answer that has one. */
export const DepositSchema = z
  .strictObject({
    id: z.string().openapi({ description: '`<chainId>-<txHash>-<asset>-<payer>`; no reorg changes it.' }),
    txHash: z.string(),
    chainId: z.int(),
    rail: z.string().openapi({ example: 'usdc:8453' }),
    payer: z.string().openapi({ description: 'Whose account is credited.' }),
    amountBaseUnits: bigintText,
    state: z.enum(depositStates),
    reason: z.enum(depositReasons).nullable().openapi({ description: 'Why it is held or rejected.' }),
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
