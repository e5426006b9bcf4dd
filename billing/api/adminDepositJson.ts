import { z } from '@hono/zod-openapi'
import type { DepositView } from '../gate/transactionView.ts'
import { DepositSchema, depositJson } from './json/depositJson.ts'

/**
 * The schema of a deposit for the operator alone. Its fields are listed anew instead of being added by `extend`: that
 * would say in OpenAPI that it must also be a plain deposit, which has no further field.
 */
export const AdminDepositSchema = z
  .strictObject({
    ...DepositSchema.shape,
    detail: z.string().nullable().openapi({ description: 'Why it is held, in a sentence for the operator.' }),
  })
  .openapi('AdminDeposit')

/** A deposit as JSON for the operator: with the detail, which may tell of RPCs and settings and is for nobody else. */
export function adminDepositJson(deposit: DepositView): z.input<typeof AdminDepositSchema> {
  return { ...depositJson(deposit), detail: deposit.detail }
}
