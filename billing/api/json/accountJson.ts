import { z } from '@hono/zod-openapi'
import type { AccountView } from '../../metering/readAccount.ts'
import { bigintText } from '../bigintText.ts'
import { minutesText } from '../minutesText.ts'
import { formatMinutes } from './amounts.ts'

/** The schema of an account's balance. */
export const BalanceSchema = z
  .strictObject({
    address: z.string(),
    balanceMicros: bigintText.openapi({
      description: 'Of this moment. Negative after a reversal of credit already spent, or by stored volumes.',
    }),
    balanceMinutes: minutesText,
    burnMicrosPerMinute: bigintText.openapi({ description: 'What all running sessions burn together.' }),
    runsOutAt: z.iso.datetime().nullable().openapi({ description: 'null while nothing burns.' }),
    low: z
      .boolean()
      .openapi({ description: 'No more is left than the warning threshold at the present burn.' }),
    graceRemainingSeconds: z.int().nullable().openapi({ description: 'null while no session is in grace.' }),
  })
  .openapi('Balance')

/** An account's balance as JSON. */
export function balanceJson(account: AccountView): z.input<typeof BalanceSchema> {
  return {
    address: account.address,
    balanceMicros: account.balanceMicros.toString(),
    balanceMinutes: formatMinutes(account.balanceMicros),
    burnMicrosPerMinute: account.burnMicrosPerMinute.toString(),
    runsOutAt: account.runsOutAt?.toISOString() ?? null,
    low: account.low,
    graceRemainingSeconds: account.graceRemainingSeconds,
  }
}
