import pLimit from 'p-limit'
import { type Address, type Hex, hashMessage } from 'viem'
import { parseSiweMessage, validateSiweMessage } from 'viem/siwe'
import { verifyMessage } from 'viem/utils'
import type { SignatureQuestion } from '../chain/contracts/checkSignature.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Sql } from '../database/connect.ts'
import {
  type Challenge,
  issueChallenge,
  type OpenChallenge,
  redeemChallenge,
  type SignedIn,
  signInDomain,
  tryChallenge,
} from './challenges.ts'
import { revokeWalletToken } from './walletTokens.ts'

export type VerifyResult =
  | { kind: 'signed_in'; signedIn: SignedIn }
  /** The text was not issued here, is used up or has expired: another one is needed. */
  | { kind: 'challenge_expired' }
  /** It is not the wallet's signature of that text. The text may be signed again. */
  | { kind: 'signature_invalid' }
  /** The chain did not say whether the signature is the wallet's; `detail` is for the log. The same may be sent again. */
  | { kind: 'chain_unavailable'; detail: string }
  | { kind: 'overloaded' }

/** Sign-in with Ethereum (EIP-4361). */
export interface SignIn {
  challenge(address: Address, chainId: number): Promise<Challenge>
  verify(signed: { message: string; signature: Hex }): Promise<VerifyResult>
  /** Ends a token at once. */
  signOut(token: string): Promise<void>
}

export interface SignInOptions {
  /** Its host is the domain that people sign in to. */
  publicUrl: string
  checkSignature: (chainId: number, question: SignatureQuestion) => Promise<Agreed<boolean>>
}

/**
 * Most contracts asked at a time, and most that may wait. They share the RPC connections with the gate, which must not have
 * to wait for people who sign in.
 */
const MAX_CONCURRENT_CONTRACTS = 3
const MAX_WAITING_CONTRACTS = 60

/**
 * Makes the sign-in. Only the exact text that we issued may be signed, while its row exists; its address and chain are taken
 * from that row, not from the text. A key's signature is checked here without asking anybody. Any other signature is for a
 * contract to judge: it is asked on the chain of the text, and the RPCs of that chain must agree that it accepted. A
 * contract that accepts anything only lets people in as that contract (ADR 0016).
 */
export function createSignIn(sql: Sql, { publicUrl, checkSignature }: SignInOptions): SignIn {
  const asking = pLimit(MAX_CONCURRENT_CONTRACTS)
  const domain = signInDomain(publicUrl)

  return {
    challenge: (address, chainId) => issueChallenge(sql, { publicUrl, address, chainId }),

    async verify({ message, signature }) {
      const hash = hashMessage(message)
      const challenge = await tryChallenge(sql, hash)
      if (challenge === null || !saysWhatItWasGivenFor(message, challenge, domain)) {
        return { kind: 'challenge_expired' }
      }
      const { address, chainId } = challenge
      if (!(await isKeysSignature(address, message, signature))) {
        if (asking.pendingCount >= MAX_WAITING_CONTRACTS) return { kind: 'overloaded' }
        const said = await asking(() => checkSignature(chainId, { signer: address, hash, signature }))
        if (said.kind !== 'agreed') {
          const detail = 'detail' in said ? said.detail : 'the RPCs are behind'
          return { kind: 'chain_unavailable', detail }
        }
        if (!said.value) return { kind: 'signature_invalid' }
      }
      const signedIn = await redeemChallenge(sql, hash)
      return signedIn === null ? { kind: 'challenge_expired' } : { kind: 'signed_in', signedIn }
    },

    signOut: (token) => revokeWalletToken(sql, token),
  }
}

/** The text is exactly ours, but PUBLIC_URL may have changed since, or differ in another process. */
function saysWhatItWasGivenFor(message: string, challenge: OpenChallenge, domain: string): boolean {
  const parsed = parseSiweMessage(message)
  const { address, chainId, now: time } = challenge
  return parsed.chainId === chainId && validateSiweMessage({ message: parsed, address, domain, time })
}

/** Whether the key of that address has signed it. */
async function isKeysSignature(address: Address, message: string, signature: Hex): Promise<boolean> {
  // r, s and v. A longer or shorter one can only be a contract's.
  if (signature.length !== 2 + 2 * 65) return false
  return verifyMessage({ address, message, signature }).catch(() => false)
}
