import { z } from '@hono/zod-openapi'
import type { Hash } from 'viem'

/** A transaction hash in a request: 0x and 64 lower-case hex digits, to the letter. */
export const hashField = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, 'must be 0x and 64 lower-case hex digits')
  .transform((text) => text as Hash)
