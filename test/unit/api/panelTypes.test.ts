import type { z } from '@hono/zod-openapi'
import { expectTypeOf, test } from 'vitest'
import type { BalanceSchema, EntrySchema } from '../../../billing/api/json/accountJson.ts'
import type { DepositSchema, TransactionSchema } from '../../../billing/api/json/depositJson.ts'
import type { SessionSchema } from '../../../billing/api/json/sessionJson.ts'
import type { ChallengeSchema, SignedInSchema } from '../../../billing/api/routes/authRoutes.ts'
import type { ConfigSchema } from '../../../billing/api/routes/configRoutes.ts'
import type { QuoteSchema } from '../../../billing/api/routes/quoteRoutes.ts'
import type * as page from '../../../panel/api/apiTypes.ts'

// Goal: the page reads what the service answers. Method: the compiler (`npm run check`) compares the types on both sides.

type Is<Schema extends z.ZodType> = z.input<Schema>

test('the page knows the very types that the service answers with', () => {
  expectTypeOf<Is<typeof ConfigSchema>>().toEqualTypeOf<page.Config>()
  expectTypeOf<Is<typeof BalanceSchema>>().toEqualTypeOf<page.Balance>()
  expectTypeOf<Is<typeof DepositSchema>>().toEqualTypeOf<page.Deposit>()
  expectTypeOf<Is<typeof TransactionSchema>>().toEqualTypeOf<page.Transaction>()
  expectTypeOf<Is<typeof SessionSchema>>().toEqualTypeOf<page.Session>()
  expectTypeOf<Is<typeof EntrySchema>>().toEqualTypeOf<page.LedgerEntry>()
  expectTypeOf<Is<typeof ChallengeSchema>>().toEqualTypeOf<page.Challenge>()
  // The page takes the address for one without asking; of a quote it reads less than there is.
  expectTypeOf<page.SignedIn>().toExtend<Is<typeof SignedInSchema>>()
  expectTypeOf<Is<typeof QuoteSchema>>().toExtend<page.Quote>()
})
