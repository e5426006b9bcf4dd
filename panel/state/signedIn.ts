import { signal } from '@preact/signals'
import type { SignedIn } from '../api/apiTypes.ts'
import { type ApiAnswer, type ApiCall, callApi } from '../api/callApi.ts'

/** Survives a closed tab. The token is revocable, ends after twelve hours, and no foreign script runs here (CSP). */
const STORAGE_KEY = 'axonos-credits.signed-in'

/** Who is signed in, with the token that proves it; null if nobody is. */
export const signedIn = signal<SignedIn | null>(read())

/** Whether the last sign-in expired, so that the page can say why it asks again. */
export const signInExpired = signal(false)

/** Stores a token that the service has issued. */
export function keepSignIn(fresh: SignedIn): void {
  signedIn.value = fresh
  signInExpired.value = false
  store(fresh)
}

/** Forgets the token in this browser, without calling the service. */
export function forgetSignIn({ expired = false } = {}): void {
  signedIn.value = null
  signInExpired.value = expired
  store(null)
}

/** Forgets the token and has it revoked; offline, it is only forgotten here, and expires on its own. */
export async function signOut(): Promise<void> {
  const was = signedIn.value
  forgetSignIn()
  if (was !== null) await callApi('/v1/auth/logout', { method: 'POST', token: was.token })
}

/**
 * Calls the service as the signed-in wallet. If the service does not know the token, or no longer, the token is
 * forgotten; the answer is then the problem `unauthorized`, as it is when nobody is signed in.
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

/** Follows sign-ins and sign-outs in other tabs. Returns a function that stops it. */
export function followOtherTabs(): () => void {
  const onStorage = ({ key }: StorageEvent) => {
    if (key === STORAGE_KEY || key === null) signedIn.value = read()
  }
  addEventListener('storage', onStorage)
  return () => removeEventListener('storage', onStorage)
}

function read(): SignedIn | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null')
    return isSignedIn(kept) && Date.parse(kept.expiresAt) > Date.now() ? kept : null
  } catch {
    // Storage is denied, or holds something that this page did not write.
    return null
  }
}

function store(value: SignedIn | null): void {
  try {
    if (value === null) localStorage.removeItem(STORAGE_KEY)
    else localStorage.setItem(STORAGE_KEY, JSON.stringify(value))
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
