/** A sleep that can be cut short. */
export interface Waker {
  /** Ends the sleep. If nobody sleeps, the next sleep ends at once, so a wake during work is not lost. */
  wake(): void
  /** Resolves after that many milliseconds, when woken, or as soon as `stop` is aborted. One sleeper at a time. */
  sleep(milliseconds: number, stop: AbortSignal): Promise<void>
}

/** Makes a waker for a loop that is woken by notifications and, as a safety net, by a timer. */
export function createWaker(): Waker {
  let isAwake = false
  let wakeUp: (() => void) | null = null
  return {
    wake() {
      isAwake = true
      wakeUp?.()
    },
    async sleep(milliseconds, stop) {
      if (!isAwake && !stop.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, milliseconds)
          function done() {
            clearTimeout(timer)
            stop.removeEventListener('abort', done)
            wakeUp = null
            resolve()
          }
          stop.addEventListener('abort', done)
          wakeUp = done
        })
      }
      isAwake = false
    },
  }
}

export interface WorkOptions {
  waker: Waker
  /** The safety net: work is done at least this often even if nothing wakes it. */
  everyMs: number
  stop: AbortSignal
  /** Called when the work fails; not again until it has succeeded in between. */
  onProblem: (error: unknown) => void
}

/** Does the work whenever woken, and at least every `everyMs`, until stopped. Failed work is retried at the next turn. */
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

/** Resolves after this many milliseconds, or as soon as `stop` is aborted. Leaves no timer and no listener behind. */
export function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve()
    const timer = setTimeout(done, milliseconds)
    function done() {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    stop.addEventListener('abort', done)
  })
}

/** Resolves when the signal is aborted; at once if it already is. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
