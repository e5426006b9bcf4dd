import { signal } from '@preact/signals'
import type { Challenge, Problem, SignedIn } from '../api/apiTypes.ts'
import { callApi } from '../api/callApi.ts'
import { connected, signMessage } from '../wallet/connection.ts'
import { config } from './config.ts'
import { forgetSignIn, keepSignIn, signedIn } from './signedIn.ts'

/** The outcome of a sign-in. */
export type SignInOutcome =
  | { kind: 'signed_in' }
  /** The person declined in the wallet. */
  | { kind: 'rejected' }
  /** The wallet could not sign. */
  | { kind: 'wallet_failed'; detail: string }
  | { kind: 'problem'; problem: Problem }
  | { kind: 'offline' }
  /** Meanwhile the wallet was disconnected, or another account chosen. */
  | { kind: 'superseded' }

/** The progress of the sign-in under way, or how the last one ended. */
export type SignInProgress =
  | { kind: 'idle' }
  | { kind: 'preparing' }
  | { kind: 'in_wallet' }
  | { kind: 'verifying' }
  | SignInOutcome

export const signInProgress = signal<SignInProgress>({ kind: 'idle' })

/**
 * Signs the connected wallet in: the service's message, the wallet's signature, the service's token. One at a time: a
 * second call while one is under way does nothing, so a wallet never gets two requests.
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

/** The wallet's own chain, if it is one of the service's: that is where a contract wallet's signature can be checked. */
function chainOf(chainId: number): { chainId?: number } {
  return config.peek()?.chains.some((chain) => chain.chainId === chainId) ? { chainId } : {}
}

/**
 * Signs out when the connected account is no longer the one signed in: another account of the wallet has its own balance
 * and must sign for itself. Merely disconnecting the wallet changes nothing. Returns a function that stops it.
 */
export function followConnectedAccount(): () => void {
  return connected.subscribe((wallet) => {
    const who = signedIn.peek()
    if (wallet === null || who?.address !== wallet.address) signInProgress.value = { kind: 'idle' }
    if (wallet !== null && who !== null && who.address !== wallet.address) forgetSignIn()
  })
}
