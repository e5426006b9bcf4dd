import type { Waker } from './createWaker.ts'

export interface WorkOptions {
  waker: Waker
  /** The safety net: it works as often as this though nobody wakes it. */
  everyMs: number
  stop: AbortSignal
  /** Told when the work fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/** Works whenever it is woken, and every so often, until stopped. Work that fails is done again at its next time. */
export async function workWhenWoken(
  work: () => Promise<void>,
  { waker, everyMs, stop, onProblem }: WorkOptions,
): Promise<void> {
  let isTold = false
  while (!stop.aborted) {
    try {
      await work()
      isTold = false
    } catch (error) {
      if (!isTold) onProblem(error)
      isTold = true
    }
    await waker.sleep(everyMs, stop)
  }
}
