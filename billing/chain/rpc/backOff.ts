import { RpcError } from './rpcError.ts'

const FIRST_DELAY_MS = 250
const MAX_DELAY_MS = 5_000
/** An RPC that leaves everything it was asked unanswered for so long is in trouble, though no request has timed out yet. */
const QUIET_MS = 2_000

export interface BackOffOptions {
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
  /** From 0 to below 1. */
  random?: () => number
}

/**
 * Leaves an RPC alone for a while after it failed: a quarter of a second at first, twice as long each time, five seconds at
 * most, and a quarter more or less, so that not all come back at once. `Retry-After` is honoured as far as that bound: a
 * provider may not send us away for an hour. After the pause a single request tries; the others follow when it is answered.
 */
export class BackOff {
  readonly #now: () => number
  readonly #random: () => number
  /** When each request under way was sent, oldest first. */
  readonly #sent = new Set<{ at: number }>()
  readonly #waiting = new Set<() => void>()
  #failures = 0
  #failedLast = ''
  #until = 0
  #openedAt = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY
  #trying = false

  constructor({ now = () => performance.now(), random = Math.random }: BackOffOptions = {}) {
    this.#now = now
    this.#random = random
  }

  /** What is wrong with the RPC; null while it is well. One in trouble is asked, and not waited for where others answer. */
  trouble(): string | null {
    if (this.#failures > 0) return this.#failedLast
    const [oldest] = this.#sent
    if (oldest === undefined) return null
    const isQuiet = this.#now() - oldest.at >= QUIET_MS && this.#answeredAt < oldest.at
    return isQuiet ? 'no answer yet' : null
  }

  /**
   * Resolves when a request may be sent. Waits for the end of the pause, and for the request that tries first, no longer
   * than `patienceMs` in all.
   *
   * @throws RpcError `backing_off`, at once where the wait would be longer.
   */
  async enter(patienceMs: number): Promise<Ticket> {
    const giveUpAt = this.#now() + patienceMs
    while (this.#failures > 0) {
      const pauseMs = this.#until - this.#now()
      if (pauseMs <= 0 && !this.#trying) return this.#ticket(true)
      const leftMs = giveUpAt - this.#now()
      if (leftMs <= 0 || pauseMs > leftMs) {
        throw new RpcError(`not asked again yet after: ${this.#failedLast}`, { kind: 'backing_off' })
      }
      await this.#change(pauseMs > 0 ? pauseMs : leftMs)
    }
    return this.#ticket(false)
  }

  #ticket(tries: boolean): Ticket {
    if (tries) this.#trying = true
    const sent = { at: this.#now() }
    this.#sent.add(sent)
    const end = () => {
      this.#sent.delete(sent)
      if (tries) this.#trying = false
      for (const wake of this.#waiting) wake()
    }
    return {
      tries,
      answered: () => {
        this.#answeredAt = this.#now()
        // What was sent before the failure and answered after it says nothing new.
        if (sent.at >= this.#openedAt) this.#failures = 0
        end()
      },
      failed: (why, retryAfterMs) => {
        this.#open(sent.at, why, retryAfterMs)
        end()
      },
      timedOut: (why) => {
        // One slow answer among others is that request's own matter.
        if (this.#answeredAt < sent.at) this.#open(sent.at, why, null)
        end()
      },
      dropped: end,
    }
  }

  #open(sentAt: number, why: string, retryAfterMs: number | null): void {
    // Requests that were under way together fail together: once.
    if (sentAt < this.#openedAt) return
    const grown = FIRST_DELAY_MS * 2 ** Math.min(this.#failures, 10)
    const delayMs = Math.min(Math.max(grown * (0.75 + this.#random() / 2), retryAfterMs ?? 0), MAX_DELAY_MS)
    this.#failures += 1
    this.#failedLast = why
    this.#openedAt = this.#now()
    this.#until = this.#openedAt + delayMs
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.ceil(withinMs))
      this.#waiting.add(wake)
    })
  }
}

/** Leave to send one request; exactly one of its functions is to be called when that is over. */
export interface Ticket {
  /** It is the first after a pause: whether the RPC is well again depends on it, so it should not take long. */
  tries: boolean
  answered(): void
  failed(why: string, retryAfterMs: number | null): void
  timedOut(why: string): void
  /** It has come to nothing, and says nothing about the RPC. */
  dropped(): void
}
