import { z } from '@hono/zod-openapi'
import type { Rail } from '../config/config.ts'

/** A rail in a request, `asset:chainId`. Whether it is enabled is the handler's to say. */
export const railField = z
  .string()
  .regex(/^(eth|usdc|axgt):[1-9]\d{0,14}$/, 'must be asset:chainId')
  .transform((text) => text as Rail)
  .openapi({ example: 'eth:1' })
