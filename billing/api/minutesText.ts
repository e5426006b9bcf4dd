import { z } from '@hono/zod-openapi'

/** Minutes in an answer, beside the micros they were made of; see `formatMinutes`. */
export const minutesText = z.string().openapi({
  pattern: '^-?(0|[1-9][0-9]*)(\\.[0-9]{1,6})?$',
  example: '60',
  description: 'Minutes with at most 6 decimals, floored.',
})
