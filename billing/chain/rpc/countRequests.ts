import { AsyncLocalStorage } from 'node:async_hooks'

const counting = new AsyncLocalStorage<{ requests: number }>()

/**
 * Counts the requests to RPCs that some work sends, whichever of our functions sends them, and wherever they wait for their
 * turn. What others began, and the work only waits for, does not count.
 */
export async function countRequests<value>(
  work: () => Promise<value>,
): Promise<{ value: value; requests: number }> {
  const count = { requests: 0 }
  const value = await counting.run(count, work)
  return { value, requests: count.requests }
}

/** Called for every request that is sent. */
export function noteRequest(): void {
  const count = counting.getStore()
  if (count !== undefined) count.requests += 1
}

/** What the work is about: something that is in the database, which nobody can make up for nothing, or not. */
export type Standing = 'recorded' | 'unknown'

/** Whether work that costs requests to RPCs may begin. Afterwards it says how many, and what it was about after all. */
export type Admission =
  | { kind: 'admitted'; settle(requests: number, about: Standing): Promise<void> }
  | { kind: 'refused'; retryAfterSeconds: number }

/** Asked before such work, and only then. */
export type Admit = (standing: Standing) => Promise<Admission>

/** For the operator's own questions. */
export const admitAll: Admit = async () => ({ kind: 'admitted', settle: async () => {} })
