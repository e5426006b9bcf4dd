import type { Address } from 'viem'
import { z } from 'zod'
import type { OracleReading } from './oracleReading.ts'

const integer = z
  .string()
  .regex(/^(0|-?[1-9]\d{0,79})$/)
  .transform((text) => BigInt(text))
const count = z.int().nonnegative()
const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => text as Address)

const poolWindow = z.strictObject({
  seconds: z.int().positive(),
  tickCumulativeDelta: integer,
  secondsPerLiquidityDeltaX128: integer,
})

/** A stored reading: the same fields, bigints as decimal strings. Parsing gives the `OracleReading` back. */
export const oracleReadingSchema = z.strictObject({
  block: z.strictObject({ number: integer, hash: z.string(), timestamp: integer }),
  ethUsd: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('answered'),
      feed: address,
      roundId: integer,
      answer: integer,
      updatedAt: integer,
      answeredInRound: integer,
      decimals: count,
    }),
    z.strictObject({ kind: z.literal('silent'), feed: address }),
  ]),
  sequencer: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('answered'), feed: address, answer: integer, startedAt: integer }),
      z.strictObject({ kind: z.literal('silent'), feed: address }),
    ])
    .nullable(),
  pool: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('answered'),
        pool: address,
        axgtIsToken0: z.boolean(),
        axgtDecimals: count,
        wethDecimals: count,
        fast: poolWindow.nullable(),
        slow: poolWindow.nullable(),
        cardinality: count,
      }),
      z.strictObject({ kind: z.literal('silent'), pool: address }),
    ])
    .nullable(),
})

/** A reading in JSON. */
export type OracleReadingJson = z.input<typeof oracleReadingSchema>

/** Turns a reading into what is stored; {@link oracleReadingSchema} gives the same reading back. */
export function oracleReadingToJson(reading: OracleReading): OracleReadingJson {
  // Every bigint of a reading is a decimal string in its JSON, and nothing else differs.
  return JSON.parse(
    JSON.stringify(reading, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  ) as OracleReadingJson
}
