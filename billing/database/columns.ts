import { bigint, timestamp } from 'drizzle-orm/pg-core'

/** A moment, `timestamptz`. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** A `bigint` column that is a bigint in TypeScript too. */
export const big = (name: string) => bigint(name, { mode: 'bigint' })
