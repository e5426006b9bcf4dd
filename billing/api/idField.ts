import { z } from '@hono/zod-openapi'

/**
 * The id of a session or a volume in a request: the caller's own. `.` and `..` are refused: they would start something that
 * no path can name afterwards, because clients and proxies resolve them (RFC 3986 §5.2.4).
 */
export const idField = z
  .string()
  .regex(
    /^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/,
    'must be 1 to 128 letters, digits, dots, underscores, colons or hyphens, and not only one or two dots',
  )
