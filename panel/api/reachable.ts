import { signal } from '@preact/signals'

const PROBE_MS = 5_000

/** Whether the service is there; true until it is known not to be. */
export const reachable = signal(true)

let probing: Promise<void> | null = null

/**
 * Finds out whether the service is there after a call that it did not answer: one path may be slow, or blocked by
 * something between, while everything else works. One question at a time.
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
    // A page of the network's own, such as a hotel's, is not the service.
    return ok && headers.get('Content-Type')?.startsWith('application/json') === true
  } catch {
    return false
  }
}
