import type { Address } from 'viem'
import { z } from 'zod'
import type { Rail } from '../config/config.ts'
import { type OracleReading, priceSources } from './oracleReading.ts'
import type { Quote } from './quote.ts'

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

/** A stored reading: the same fields, bigints as decimal strings. Parsing it returns the `OracleReading`. */
const oracleReadingSchema = z.strictObject({
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

/** A reading as JSON. */
export type OracleReadingJson = z.input<typeof oracleReadingSchema>

/** Turns a reading into its stored form; {@link oracleReadingSchema} parses it back. */
function oracleReadingToJson(reading: OracleReading): OracleReadingJson {
  // In JSON, every bigint of a reading is a decimal string; nothing else differs.
  return JSON.parse(
    JSON.stringify(reading, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  ) as OracleReadingJson
}

const natural = z.string().regex(/^(0|[1-9]\d{0,999})$/)
const toBigint = natural.transform((text) => BigInt(text))
const positive = toBigint.refine((value) => value > 0n)
const decimal = z.string().regex(/^\d{1,80}(\.\d{1,40})?$/)
const percent = decimal

const storedQuote = z.strictObject({
  rail: z
    .string()
    .regex(/^(eth|usdc|axgt):[1-9]\d*$/)
    .transform((text) => text as Rail),
  wallet: z
    .string()
    .regex(/^0x[0-9a-f]{40}$/)
    .transform((text) => text as Address)
    .nullable(),
  amountBaseUnits: toBigint,
  minimumBaseUnits: toBigint,
  creditMicros: toBigint,
  tier: z.strictObject({ index: z.int().nonnegative(), label: z.string(), discountPercent: percent }),
  axgtBalance: toBigint.nullable(),
  bonusPercent: percent,
  price: z.strictObject({
    mode: z.enum(priceSources),
    // Snapshots of 0.1 have only fixed rates and lack these three fields.
    usdPerUnit: decimal.nullable().default(null),
    usdPerHour: decimal.nullable().default(null),
    microsPerBaseUnit: z.strictObject({ numerator: toBigint, denominator: positive }),
    description: z.string(),
    reading: oracleReadingSchema.nullable().default(null),
  }),
  asOfBlock: z.strictObject({ number: toBigint, hash: z.string() }),
})

/** A quote as JSON: the same fields, bigints as decimal strings. */
export type QuoteJson = z.input<typeof storedQuote>

/** Turns a quote into the snapshot that is stored with a credit. {@link quoteFromJson} reads it back. */
export function quoteToJson(quote: Quote): QuoteJson {
  const { numerator, denominator } = quote.price.microsPerBaseUnit
  return {
    rail: quote.rail,
    wallet: quote.wallet,
    amountBaseUnits: quote.amountBaseUnits.toString(),
    minimumBaseUnits: quote.minimumBaseUnits.toString(),
    creditMicros: quote.creditMicros.toString(),
    tier: { ...quote.tier },
    axgtBalance: quote.axgtBalance?.toString() ?? null,
    bonusPercent: quote.bonusPercent,
    price: {
      mode: quote.price.mode,
      usdPerUnit: quote.price.usdPerUnit,
      usdPerHour: quote.price.usdPerHour,
      microsPerBaseUnit: { numerator: numerator.toString(), denominator: denominator.toString() },
      description: quote.price.description,
      reading: quote.price.reading === null ? null : oracleReadingToJson(quote.price.reading),
    },
    asOfBlock: { number: quote.asOfBlock.number.toString(), hash: quote.asOfBlock.hash },
  }
}

/** Reads a stored snapshot. `malformed` names the first field that {@link quoteToJson} would not have written that way. */
export function quoteFromJson(
  json: unknown,
): { kind: 'quote'; quote: Quote } | { kind: 'malformed'; problem: string } {
  const parsed = storedQuote.safeParse(json)
  if (parsed.success) return { kind: 'quote', quote: parsed.data }
  const issue = parsed.error.issues[0]
  return {
    kind: 'malformed',
    problem: `${issue?.path.join('.') || 'quote'}: ${issue?.message ?? 'not a quote'}`,
  }
}
