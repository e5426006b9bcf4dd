/** A sleep that can be cut short. */
export interface Waker {
  /** Ends the sleep; where nobody sleeps, the next sleep is none, so that a wake during work is not lost. */
  wake(): void
  /** Resolves after so many milliseconds, when woken, or as soon as `stop` is aborted. One sleeper at a time. */
  sleep(milliseconds: number, stop: AbortSignal): Promise<void>
}

/** Makes a waker: what a loop sleeps on that is woken by notifications and, as a safety net, by a timer. */
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
