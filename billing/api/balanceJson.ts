import { z } from '@hono/zod-openapi'
import type { Address } from 'viem'
import { bigintText } from './bigintText.ts'
import { formatMinutes } from './formatMinutes.ts'
import { minutesText } from './minutesText.ts'

/** The schema of an account's balance. */
export const BalanceSchema = z
  .strictObject({
    address: z.string(),
    balanceMicros: bigintText.openapi({ description: 'Negative after a reversal of credit already spent.' }),
    balanceMinutes: minutesText,
    burnMicrosPerMinute: bigintText.openapi({ description: 'What all running sessions burn together.' }),
    runsOutAt: z.iso.datetime().nullable().openapi({ description: 'null while nothing burns.' }),
    low: z.boolean().openapi({ description: 'Less is left than the warning threshold at the present burn.' }),
    graceRemainingSeconds: z.int().nullable().openapi({ description: 'null while no session is in grace.' }),
  })
  .openapi('Balance')

/** An account's balance as JSON. Nothing can run yet, so nothing burns, runs out, is low or is in grace. */
export function balanceJson(address: Address, balanceMicros: bigint): z.input<typeof BalanceSchema> {
  return {
    address,
    balanceMicros: balanceMicros.toString(),
    balanceMinutes: formatMinutes(balanceMicros),
    burnMicrosPerMinute: '0',
    runsOutAt: null,
    low: false,
    graceRemainingSeconds: null,
  }
}
