import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Logger } from 'pino'
import { redactUrls } from './redactUrls.ts'

/** How to start a process; requested anew before every start. */
export interface ProcessPlan {
  args: string[]
  env: NodeJS.ProcessEnv
  cwd: string
}

export interface SuperviseOptions {
  /** Names the process in log lines. */
  component: string
  /**
   * May take its time, and may throw: then it is called again after the back-off. `signal` aborts when nobody waits any
   * more.
   */
  plan(signal: AbortSignal): Promise<ProcessPlan>
  /** The signal that makes the process stop gracefully. */
  stopSignal: NodeJS.Signals
  /** Receives each line of its output; without it, the process writes to our own stdout and stderr. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Receives what it sends by its IPC channel; `reply` sends something back. */
  onMessage?: (message: unknown, reply: (answer: Record<string, unknown>) => void) => void
  /** An exit code that means a restart is useless: `tell` is called once, and the process is not started again. */
  hopeless?: { code: number; tell(): void }
  /** Without a component: pino writes a key that a child logger repeats twice. */
  logger: Logger
}

export interface SupervisedProcess {
  /** null while it is not running. */
  pid(): number | null
  /** Stops the process, runs `whileDown`, and starts it again at once with a new plan. */
  restart(whileDown?: () => Promise<void>): Promise<void>
  /** Stops the process for good; kills it if it has not ended after `patienceMs`. May be called twice. */
  stop(patienceMs: number): Promise<void>
}

const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 10_000
/** A process that lived this long was healthy: its next crash restarts the back-off. */
const STABLE_AFTER_MS = 60_000
const RESTART_PATIENCE_MS = 5_000

/**
 * Keeps a Node process running: starts it, restarts it with exponential back-off when it ends, and stops it on request.
 *
 * The child has an IPC channel to us, by which it notices our death, and is in its own process group, so that Ctrl-C in a
 * terminal reaches only us and we stop things in the right order.
 */
export function superviseProcess(options: SuperviseOptions): SupervisedProcess {
  return new Supervision(options)
}

class Supervision implements SupervisedProcess {
  readonly #options: SuperviseOptions
  readonly #logger: Logger
  #child: ChildProcess | null = null
  #childExited: Promise<void> = Promise.resolve()
  #stopped = false
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  /** The start under way. Aborted when a newer one replaces it. */
  #attempt = new AbortController()

  constructor(options: SuperviseOptions) {
    this.#options = options
    this.#logger = options.logger.child({ component: options.component })
    void this.#start()
  }

  pid(): number | null {
    return this.#child?.pid ?? null
  }

  async restart(whileDown?: () => Promise<void>): Promise<void> {
    if (this.#stopped) return
    await this.#end(RESTART_PATIENCE_MS)
    try {
      await whileDown?.()
    } finally {
      if (!this.#stopped) void this.#start()
    }
  }

  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true
    await this.#end(patienceMs)
  }

  async #start(): Promise<void> {
    // Of two starts, only the later one counts.
    this.#attempt.abort()
    this.#attempt = new AbortController()
    const { signal } = this.#attempt
    try {
      const plan = await this.#options.plan(signal)
      if (!signal.aborted) this.#launch(plan, signal)
    } catch (error) {
      if (signal.aborted) return
      const pauseMs = this.#startAfterPause()
      this.#logger.error({ error: messageOf(error), pauseMs }, 'could not be started; trying again')
    }
  }

  #launch(plan: ProcessPlan, signal: AbortSignal): void {
    const { onLine, onMessage } = this.#options
    const output = onLine ? ('pipe' as const) : ('inherit' as const)
    const startedAt = Date.now()
    const started = spawn(process.execPath, plan.args, {
      env: plan.env,
      cwd: plan.cwd,
      stdio: ['ignore', output, output, 'ipc'],
      detached: true,
    })
    this.#child = started
    this.#logger.debug({ pid: started.pid }, 'started')
    if (onLine) passLines(started, onLine)
    // A process that has ended meanwhile needs no answer.
    const reply = (answer: Record<string, unknown>) => void started.send(answer, () => {})
    if (onMessage) started.on('message', (message) => onMessage(message, reply))
    this.#childExited = new Promise((resolve) => {
      const end = (code: number | null, ending: string | null) => {
        if (this.#child === started) this.#child = null
        resolve()
        if (!signal.aborted) this.#ended(code, ending, Date.now() - startedAt)
      }
      // A process that could not even be spawned has no exit.
      started.once('error', (error) => started.pid === undefined && end(null, error.message))
      started.once('exit', end)
    })
  }

  #ended(code: number | null, signal: string | null, livedMs: number): void {
    const { hopeless } = this.#options
    if (hopeless && code === hopeless.code) {
      hopeless.tell()
      return
    }
    if (livedMs >= STABLE_AFTER_MS) this.#failures = 0
    const pauseMs = this.#startAfterPause()
    this.#logger.warn({ code, signal, pauseMs }, 'ended unexpectedly; starting it again')
  }

  #startAfterPause(): number {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, MAX_PAUSE_MS)
    this.#timer = setTimeout(() => void this.#start(), pauseMs)
    return pauseMs
  }

  /** After this, nothing starts on its own. */
  async #end(patienceMs: number): Promise<void> {
    this.#attempt.abort()
    clearTimeout(this.#timer)
    const ending = this.#child
    if (ending === null) return
    ending.kill(this.#options.stopSignal)
    const force = setTimeout(() => {
      this.#logger.warn({ patienceMs }, 'did not end in time; killing it')
      ending.kill('SIGKILL')
    }, patienceMs)
    await this.#childExited
    clearTimeout(force)
  }
}

function passLines(child: ChildProcess, onLine: NonNullable<SuperviseOptions['onLine']>): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream]
    if (input) createInterface({ input }).on('line', (line) => onLine(line, stream))
  }
}

function messageOf(error: unknown): string {
  return redactUrls(error instanceof Error ? error.message : String(error))
}
