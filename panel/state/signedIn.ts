import { signal } from '@preact/signals'
import type { SignedIn } from '../api/apiTypes.ts'
import { type ApiAnswer, type ApiCall, callApi } from '../api/callApi.ts'

/** Survives a closed tab. The token is revocable, ends after twelve hours, and no foreign script runs here (CSP). */
const KEEP = 'axonos-credits.signed-in'

/** Who is signed in, with the token that says so; null: nobody. */
export const signedIn = signal<SignedIn | null>(read())

/** The last sign-in ended by itself, so the page says why it asks again. */
export const signInExpired = signal(false)

/** Takes a token that the service has given. */
export function keepSignIn(fresh: SignedIn): void {
  signedIn.value = fresh
  signInExpired.value = false
  store(fresh)
}

/** Forgets the token here, without asking anyone. */
export function forgetSignIn({ expired = false } = {}): void {
  signedIn.value = null
  signInExpired.value = expired
  store(null)
}

/** Forgets the token here and has it revoked; offline, it is forgotten here and ends by itself. */
export async function signOut(): Promise<void> {
  const was = signedIn.value
  forgetSignIn()
  if (was !== null) await callApi('/v1/auth/logout', { method: 'POST', token: was.token })
}

/**
 * Asks the service as the wallet that is signed in. When the service does not know the token (any more), it is forgotten;
 * the answer is then the problem `unauthorized`, as it is when nobody is signed in.
 */
export async function callAsWallet<Value>(
  path: `/${string}`,
  call: Omit<ApiCall, 'token'> = {},
): Promise<ApiAnswer<Value>> {
  const who = signedIn.value
  const answer = await callApi<Value>(path, who === null ? call : { ...call, token: who.token })
  const isRefused = answer.kind === 'problem' && answer.problem.code === 'unauthorized'
  if (isRefused && who !== null && signedIn.value?.token === who.token) forgetSignIn({ expired: true })
  return answer
}

/** Follows what other tabs of this page do. Returns what stops it. */
export function followOtherTabs(): () => void {
  const onStorage = ({ key }: StorageEvent) => {
    if (key === KEEP || key === null) signedIn.value = read()
  }
  addEventListener('storage', onStorage)
  return () => removeEventListener('storage', onStorage)
}

function read(): SignedIn | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEEP) ?? 'null')
    return isSignedIn(kept) && Date.parse(kept.expiresAt) > Date.now() ? kept : null
  } catch {
    // Storage is denied, or holds what somebody else wrote.
    return null
  }
}

function store(value: SignedIn | null): void {
  try {
    if (value === null) localStorage.removeItem(KEEP)
    else localStorage.setItem(KEEP, JSON.stringify(value))
  } catch {
    // Without storage a reload asks for a signature again; everything else works.
  }
}

function isSignedIn(value: unknown): value is SignedIn {
  if (typeof value !== 'object' || value === null) return false
  const { address, token, expiresAt } = value as Record<string, unknown>
  return (
    typeof token === 'string' &&
    typeof expiresAt === 'string' &&
    typeof address === 'string' &&
    /^0x[0-9a-f]{40}$/.test(address)
  )
}
