import { signal } from '@preact/signals'
import type { Challenge, Problem, SignedIn } from '../api/apiTypes.ts'
import { callApi } from '../api/callApi.ts'
import { connected, signMessage } from '../wallet/connection.ts'
import { config } from './config.ts'
import { forgetSignIn, keepSignIn, signedIn } from './signedIn.ts'

/** What became of a sign-in. */
export type SignInOutcome =
  | { kind: 'signed_in' }
  /** The person said no in the wallet. */
  | { kind: 'rejected' }
  /** The wallet could not sign. */
  | { kind: 'wallet_failed'; detail: string }
  | { kind: 'problem'; problem: Problem }
  | { kind: 'offline' }
  /** The wallet was disconnected, or another account chosen, in the middle. */
  | { kind: 'superseded' }

/** How far the sign-in under way is, or how the last one ended. */
export type SignInProgress =
  | { kind: 'idle' }
  | { kind: 'preparing' }
  | { kind: 'in_wallet' }
  | { kind: 'verifying' }
  | SignInOutcome

export const signInProgress = signal<SignInProgress>({ kind: 'idle' })

/**
 * Signs the connected wallet in: the service's message, the wallet's signature, the service's token. One at a time; asked
 * again while one is under way, it does nothing, so a wallet never gets two requests.
 */
export async function signIn(): Promise<void> {
  const { kind } = signInProgress.peek()
  if (kind === 'preparing' || kind === 'in_wallet' || kind === 'verifying') return
  signInProgress.value = await run()
}

async function run(): Promise<SignInOutcome> {
  const wallet = connected.peek()
  if (wallet === null) return { kind: 'superseded' }
  const { address } = wallet
  const isStillIt = () => connected.peek()?.address === address

  signInProgress.value = { kind: 'preparing' }
  const challenge = await callApi<Challenge>('/v1/auth/challenge', {
    method: 'POST',
    body: { address, ...chainOf(wallet.chainId) },
  })
  if (challenge.kind !== 'ok') return challenge
  if (!isStillIt()) return { kind: 'superseded' }

  signInProgress.value = { kind: 'in_wallet' }
  const signing = await signMessage(challenge.value.message)
  if (!isStillIt()) return { kind: 'superseded' }
  if (signing.kind === 'rejected') return signing
  if (signing.kind === 'failed') return { kind: 'wallet_failed', detail: signing.detail }

  signInProgress.value = { kind: 'verifying' }
  const { message } = challenge.value
  const verified = await callApi<SignedIn>('/v1/auth/verify', {
    method: 'POST',
    body: { message, signature: signing.signature },
  })
  if (verified.kind !== 'ok') return verified
  if (!isStillIt()) return { kind: 'superseded' }
  keepSignIn(verified.value)
  return { kind: 'signed_in' }
}

/** The wallet's own chain, where it is one of the service's: there a wallet that is a contract can be asked. */
function chainOf(chainId: number): { chainId?: number } {
  return config.peek()?.chains.some((chain) => chain.chainId === chainId) ? { chainId } : {}
}

/**
 * Ends a sign-in that is not of the connected account (any more): another account of the wallet has another balance, and
 * must sign for itself. A wallet that is merely disconnected changes nothing. Returns what stops it.
 */
export function followConnectedAccount(): () => void {
  return connected.subscribe((wallet) => {
    const who = signedIn.peek()
    if (wallet === null || who?.address !== wallet.address) signInProgress.value = { kind: 'idle' }
    if (wallet !== null && who !== null && who.address !== wallet.address) forgetSignIn()
  })
}
