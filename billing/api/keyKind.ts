import { hash, timingSafeEqual } from 'node:crypto'

/** Who a key speaks for. Admin implies service. */
export type KeyKind = 'service' | 'admin'

/** The two keys of the settings. */
export interface ApiKeys {
  serviceApiKey: string
  adminApiKey: string
}

/** Makes the function that says which of the two keys a token is; null: neither. */
export function keyKind(keys: ApiKeys): (token: string) => KeyKind | null {
  const serviceDigest = digest(keys.serviceApiKey)
  const adminDigest = digest(keys.adminApiKey)

  // Digests have one length and both are always compared, so the time tells neither how much of a key was right nor which.
  return (token) => {
    const given = digest(token)
    const isService = timingSafeEqual(given, serviceDigest)
    const isAdmin = timingSafeEqual(given, adminDigest)
    return isAdmin ? 'admin' : isService ? 'service' : null
  }
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
