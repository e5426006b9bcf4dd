import { z } from '@hono/zod-openapi'

/** An integer of any size in an answer: a decimal string, because a JSON number would lose digits. */
export const bigintText = z.string().openapi({ pattern: '^-?(0|[1-9][0-9]*)$', example: '3600000000' })
