import { type Address, getAddress } from 'viem'
import type { Asset, Rail, WebhookSecret } from '../config.ts'
import type { Shape } from '../setting.ts'

/** Text of a given pattern, kept as it is. */
export function text(pattern: RegExp, mayBe: string): Shape<string> {
  return {
    mayBe,
    parse: (value) => (pattern.test(value) ? { ok: true, value } : { ok: false, why: null }),
  }
}

/** Exactly one of a few words. */
export function oneOf<const T extends string>(words: readonly T[], mayBe?: string): Shape<T> {
  const quoted = words.map((word) => `\`${word}\``)
  return {
    mayBe: mayBe ?? (quoted.length > 2 ? `one of ${quoted.join(', ')}` : quoted.join(' or ')),
    parse(text) {
      const value = words.find((word) => word === text)
      return value === undefined ? { ok: false, why: null } : { ok: true, value }
    },
  }
}

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`

/** An address, stored in lower case. Mixed case must have the right EIP-55 checksum, which catches a wrong digit. */
export const address: Shape<Address> = {
  mayBe: 'an address: 0x and 40 hex digits, not the zero address; mixed case needs the right EIP-55 checksum',
  parse(text) {
    if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return { ok: false, why: null }
    const digits = text.slice(2)
    const value: Address = `0x${digits.toLowerCase()}`
    if (value === ZERO_ADDRESS) return { ok: false, why: 'it is the zero address' }
    const isMixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase()
    if (isMixed && getAddress(value) !== text) return { ok: false, why: 'its EIP-55 checksum is wrong' }
    return { ok: true, value }
  },
}

const assets: readonly Asset[] = ['eth', 'usdc', 'axgt']

/** Rails in the order they are named, each once. A faulty list still yields its good entries. */
export const rails: Shape<{ rail: Rail; asset: Asset; chainId: number }[]> = {
  mayBe:
    'a comma-separated list of `asset:chainId`, each once, with asset `eth`, `usdc` or `axgt`, such as `eth:1,usdc:8453`',
  parse(text) {
    const value: { rail: Rail; asset: Asset; chainId: number }[] = []
    const faults: string[] = []
    for (const [index, entry] of text.split(',').entries()) {
      const rail = parseRail(entry.trim())
      if (rail === null) faults.push(`entry ${index + 1} is not a rail`)
      else if (value.some((other) => other.rail === rail.rail)) faults.push(`${rail.rail} is there twice`)
      else value.push(rail)
    }
    if (faults.length > 0) return { ok: false, why: faults.join(', '), salvaged: value }
    return { ok: true, value }
  },
}

function parseRail(text: string): { rail: Rail; asset: Asset; chainId: number } | null {
  const match = /^([a-z]+):([1-9]\d{0,15})$/.exec(text)
  const asset = assets.find((known) => known === match?.[1])
  const chainId = Number(match?.[2])
  if (asset === undefined || !Number.isSafeInteger(chainId)) return null
  return { rail: `${asset}:${chainId}`, asset, chainId }
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const MIN_BYTES = 16

/**
 * One signing key, or two while they are changed, comma-separated, as Standard Webhooks writes them: `whsec_` and base64.
 * Without the prefix, valid base64 is decoded, as receivers' libraries do, and any other text is used as its own bytes.
 */
export const webhookSecrets: Shape<WebhookSecret[]> = {
  mayBe:
    '24 to 512 visible ASCII characters: `whsec_` and base64 of at least 16 bytes; two, comma-separated, while they are changed',
  parse(text) {
    const parts = text.split(',').map((part) => part.trim())
    if (parts.length > 2) return { ok: false, why: 'there are more than two' }
    const value: WebhookSecret[] = []
    for (const part of parts) {
      const key = /^[\x21-\x7e]{24,512}$/.test(part) ? keyOf(part) : null
      if (key === null) return { ok: false, why: null }
      value.push({ text: part, key })
    }
    return { ok: true, value }
  },
}

function keyOf(text: string): Buffer | null {
  const isPrefixed = text.startsWith('whsec_')
  const encoded = isPrefixed ? text.slice('whsec_'.length) : text
  const isBase64 = BASE64.test(encoded) && (isPrefixed || encoded.length % 4 === 0)
  if (!isBase64) return isPrefixed ? null : Buffer.from(text)
  const key = Buffer.from(encoded, 'base64')
  return key.length >= MIN_BYTES ? key : null
}
