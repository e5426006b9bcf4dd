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
  tryChallenge,
} from './challenges.ts'
import { signInDomain } from './signInMessage.ts'
import { revokeWalletToken } from './walletTokens.ts'

export type VerifyResult =
  | { kind: 'signed_in'; signedIn: SignedIn }
  /** The text was not given out here, or is used up, or has expired: another one is needed. */
  | { kind: 'challenge_expired' }
  /** Not the wallet's signature of that text. The text may be signed again. */
  | { kind: 'signature_invalid' }
  /** The chain did not say whether it is the wallet's; `detail` is for the log. The same may be sent again. */
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
  /** Gives the domain that is signed in to. */
  publicUrl: string
  checkSignature: (chainId: number, question: SignatureQuestion) => Promise<Agreed<boolean>>
}

/**
 * Contracts asked at once, and how many more may wait. They share the RPC connections with the gate, and it must not have
 * to wait for people who sign in.
 */
const CONTRACTS_AT_ONCE = 3
const WAITING_AT_MOST = 60

/**
 * Makes the sign-in. What may be signed is a text that we gave out, to the letter, while its row is there; what it was given
 * out for (address, chain) is taken from that row and not from the text. A key's signature is checked here without asking
 * anybody. Any other is a contract's to judge: it is asked on the chain of the text, and all RPCs of that chain must say
 * alike that it said yes. A contract that says yes to anything only lets people in as that contract (ADR 0016).
 */
export function createSignIn(sql: Sql, { publicUrl, checkSignature }: SignInOptions): SignIn {
  const asking = pLimit(CONTRACTS_AT_ONCE)
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
        if (asking.pendingCount >= WAITING_AT_MOST) return { kind: 'overloaded' }
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

/** The text is ours to the letter. Yet PUBLIC_URL may be another by now, and so may the one of another process. */
function saysWhatItWasGivenFor(message: string, challenge: OpenChallenge, domain: string): boolean {
  const parsed = parseSiweMessage(message)
  const { address, chainId, now: time } = challenge
  return parsed.chainId === chainId && validateSiweMessage({ message: parsed, address, domain, time })
}

/** Whether the key of that very address has signed it. */
async function isKeysSignature(address: Address, message: string, signature: Hex): Promise<boolean> {
  // r, s and v. Whatever is longer or shorter can only be a contract's.
  if (signature.length !== 2 + 2 * 65) return false
  return verifyMessage({ address, message, signature }).catch(() => false)
}
