import type { Address } from 'viem'
import { createSiweMessage } from 'viem/siwe'

const STATEMENT =
  'Sign in to AxonOS Credits to see your balance and history. Signing sends no transaction and costs nothing.'

/** What a sign-in message says, beside what is the same in all of them. */
export interface SignInMessageParts {
  publicUrl: string
  address: Address
  chainId: number
  nonce: string
  issuedAt: Date
  expiresAt: Date
}

/** Writes the message that a wallet signs to sign in (EIP-4361). */
export function signInMessage(parts: SignInMessageParts): string {
  const { publicUrl, address, chainId, nonce, issuedAt, expiresAt } = parts
  return createSiweMessage({
    domain: signInDomain(publicUrl),
    uri: publicUrl,
    version: '1',
    statement: STATEMENT,
    address,
    chainId,
    nonce,
    issuedAt,
    expirationTime: expiresAt,
  })
}

/**
 * The domain that people sign in to. It is the setting's, never that of a request's Host header, which whoever sends the
 * request may choose: a page elsewhere could have us write messages with its own name in them, have people sign those
 * without a warning of their wallet, and sign in here as them. The price: a page opened by another name of the same
 * machine (127.0.0.1 for localhost) makes the wallet warn, rightly.
 */
export function signInDomain(publicUrl: string): string {
  return new URL(publicUrl).host
}
