import { z } from '@hono/zod-openapi'

/** A price in an answer: USD per whole unit of an asset, for people. What a credit rests on is the exact `rate`. */
export const usdText = z.string().openapi({
  pattern: '^(0|[1-9][0-9]*)(\\.[0-9]{1,18})?$',
  example: '2500',
  description: 'USD per whole unit, with at most 18 decimals, floored.',
})
