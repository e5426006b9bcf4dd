import { bigint, timestamp } from 'drizzle-orm/pg-core'

/** A `timestamptz` column, which is a `Date` in TypeScript. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** A `bigint` column, which is a bigint in TypeScript too. */
export const big = (name: string) => bigint(name, { mode: 'bigint' })
