import { InvalidArgumentError } from 'commander'
import type { Address, Hash } from 'viem'
import { addressField, idField, parseInstant, parseMinutes } from '../billing/api/request/fields.ts'

/** A wallet address as the ledger stores it, in lower case. Mixed case must be the right EIP-55 checksum. */
export function parseAddress(text: string): Address {
  const parsed = addressField.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message}.`)
}

/** A transaction hash, lower-case. */
export function parseHash(text: string): Hash {
  if (!isHash(text)) throw new InvalidArgumentError('It must be 0x and 64 hex digits.')
  return text.toLowerCase() as Hash
}

/** A deposit's id, or the hash of the transaction that made it. */
export function parseDepositKey(text: string): { id: string } | { txHash: Hash } {
  if (isHash(text)) return { txHash: parseHash(text) }
  if (isDepositId(text.toLowerCase())) return { id: text.toLowerCase() }
  throw new InvalidArgumentError('It must be a transaction hash or <chainId>-<txHash>-<asset>-<payer>.')
}

/** A deposit's id, lower-case. */
export function parseDepositId(text: string): string {
  const id = text.toLowerCase()
  if (isDepositId(id)) return id
  throw new InvalidArgumentError(
    'It must be <chainId>-<txHash>-<asset>-<payer>; "deposit show" lists the ids of a transaction.',
  )
}

/** A session's id, as over HTTP. */
export function parseSessionId(text: string): string {
  const parsed = idField.safeParse(text)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(`It ${parsed.error.issues[0]?.message}.`)
}

/** An event's id as receivers of webhooks know it (`webhookId`), or its number, with `evt_` or without. */
export function parseEventId(text: string): bigint {
  const id = /^(?:evt_)?([1-9]\d{0,18})(?:_[0-9a-z]{1,12})?$/.exec(text)?.[1]
  if (id !== undefined && BigInt(id) < 2n ** 63n) return BigInt(id)
  throw new InvalidArgumentError('It must be the id of an event, such as evt_4711.')
}

/** A moment with its zone. */
export function parseMoment(text: string): Date {
  const moment = parseInstant(text)
  if (moment !== null) return moment
  throw new InvalidArgumentError('It must be a moment such as 2026-01-01T00:00:00Z, or Unix seconds.')
}

/** Minutes with at most 6 decimals, as micros; not zero. */
export function parseMinutesArgument(text: string): bigint {
  const micros = parseMinutes(text)
  if (micros === null) {
    throw new InvalidArgumentError(
      'It must be a decimal number other than 0 with at most 6 decimals, such as 60 or -12.5.',
    )
  }
  return micros
}

/** An integer from `least` to `most`. */
export function integerArgument(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d{1,16}$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be an integer from ${least} to ${most}.`)
    }
    return value
  }
}

/** 1 to 255 visible ASCII characters, as over HTTP. */
export function parseIdempotencyKey(text: string): string {
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) {
    throw new InvalidArgumentError('It must be 1 to 255 visible ASCII characters without spaces.')
  }
  return text
}

/** 1 to 500 characters, for those who read the account's history. */
export function parseReason(text: string): string {
  if (text.trim() === '' || text.length > 500 || text.includes('\0')) {
    throw new InvalidArgumentError('It must be 1 to 500 characters.')
  }
  return text
}

function isDepositId(text: string): boolean {
  return /^[1-9]\d{0,15}-0x[0-9a-f]{64}-(eth|usdc|axgt)-0x[0-9a-f]{40}$/.test(text)
}

function isHash(text: string): boolean {
  return /^0x[0-9a-fA-F]{64}$/.test(text)
}
