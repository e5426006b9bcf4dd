import type { Address } from 'viem'
import { createSiweMessage } from 'viem/siwe'

const STATEMENT =
  'Sign in to AxonOS Credits to see your balance and history. Signing sends no transaction and costs nothing.'

/** The parts of a sign-in message that differ from one to the next. */
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
 * The domain that people sign in to. It comes from the setting, never from the Host header, which the sender of a request
 * can choose: another site could have us write messages with its own name, have people sign those without a warning from
 * their wallet, and sign in here as them. The cost: on a page opened by another name of the same machine (127.0.0.1 instead
 * of localhost) the wallet warns, rightly.
 */
export function signInDomain(publicUrl: string): string {
  return new URL(publicUrl).host
}
