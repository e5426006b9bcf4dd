import { signal } from '@preact/signals'

const PROBE_MS = 5_000

/** Whether the service responds; true until it is known not to. */
export const reachable = signal(true)

let probing: Promise<void> | null = null

/**
 * After an unanswered call, finds out whether the service responds at all: one path may be slow, or blocked in between,
 * while everything else works. One probe at a time.
 */
export function doubtReachable(): Promise<void> {
  probing ??= probe().then((isThere) => {
    reachable.value = isThere
    probing = null
  })
  return probing
}

async function probe(): Promise<boolean> {
  try {
    const { ok, headers } = await fetch('/v1/config', {
      signal: AbortSignal.timeout(PROBE_MS),
      cache: 'no-store',
      credentials: 'omit',
    })
    // A network's own page, such as a hotel's login, is not the service.
    return ok && headers.get('Content-Type')?.startsWith('application/json') === true
  } catch {
    return false
  }
}
