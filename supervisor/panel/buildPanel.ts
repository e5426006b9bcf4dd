import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashPanelSources } from './hashPanelSources.ts'

/** The outcome of a build. */
export type PanelBuild =
  /** Just built. */
  | { kind: 'built' }
  /** Already there, from these very sources. */
  | { kind: 'fresh' }
  /** The build tools are not installed; whatever is in the folder stays. */
  | { kind: 'impossible'; why: string }

export interface PanelBuildOptions {
  /** `demo` contains a test wallet and is for the demo only. */
  mode: 'production' | 'demo'
  /** Where the finished page goes. What is there is replaced in one move, once the build is complete. */
  folder: string
  /** Cancels a build under way; it is then `impossible`. */
  signal?: AbortSignal
}

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** The folder of the production page, which billing serves. */
export const panelFolder = join(checkout, 'panel/dist')

/** Stored with the page: a digest of the sources it was built from. Billing reloads the page when it changes. */
const STAMP = 'build.json'

/** The exit code of `viteBuild.ts` when Vite is not installed. */
const EXIT_UNAVAILABLE = 69
const MAX_COMPLAINT_LENGTH = 4_000

/** Whether the folder holds a page built from these sources; without sources, whether it holds a page at all. */
export function isPanelFresh({ mode, folder }: PanelBuildOptions): boolean {
  const stamp = join(folder, STAMP)
  if (!existsSync(stamp)) return false
  const sources = hashPanelSources(checkout)
  return sources === null || readFileSync(stamp, 'utf8') === stampOf(mode, sources)
}

/**
 * Builds the page if it is missing or older than its sources, in about a second. Concurrent builds are safe: each builds
 * beside the folder, and the last complete one stays.
 *
 * @throws when the sources do not build, or the demo's wallet is in the production build.
 */
export async function buildPanel(options: PanelBuildOptions): Promise<PanelBuild> {
  if (isPanelFresh(options)) return { kind: 'fresh' }
  const { mode, folder } = options
  const sources = hashPanelSources(checkout)
  if (sources === null) return { kind: 'impossible', why: 'the sources of the page (panel/) are not here' }
  await removeLeftovers(folder)
  const beside = `${folder}.${process.pid}`
  try {
    const fault = await runVite(mode, `${beside}.new`, options.signal)
    if (fault !== null) return { kind: 'impossible', why: fault }
    await writeFile(join(`${beside}.new`, STAMP), stampOf(mode, sources))
    await replace(folder, beside)
  } finally {
    await rm(`${beside}.new`, { recursive: true, force: true })
    await rm(`${beside}.old`, { recursive: true, force: true })
  }
  return { kind: 'built' }
}

function stampOf(mode: string, sources: string): string {
  return `${JSON.stringify({ mode, sources })}\n`
}

/** null when it was built, else why it could not be. Throws when the sources do not build. */
async function runVite(mode: string, outDir: string, signal?: AbortSignal): Promise<string | null> {
  const child = spawn(
    process.execPath,
    // By name, resolved from `cwd`: vitest's global setup, which builds too, has no `import.meta.resolve`.
    ['--import', 'tsx', 'supervisor/panel/viteBuild.ts', mode, outDir],
    {
      cwd: checkout,
      env: { NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'pipe'],
      killSignal: 'SIGKILL',
      signal,
    },
  )
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-MAX_COMPLAINT_LENGTH)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', (error) => (signal?.aborted ? resolve(null) : reject(error)))
  })
  if (code === 0) return null
  if (signal?.aborted) return 'it was cancelled'
  if (code === EXIT_UNAVAILABLE) return `what builds it is not installed (${complaint.trim()})`
  throw new Error(complaint.trim() || `the build ended with ${code ?? 'a signal'}`)
}

/** A build that was killed leaves its temporary folder behind. */
async function removeLeftovers(folder: string): Promise<void> {
  const pattern = new RegExp(`^${basename(folder)}\\.(\\d+)\\.(new|old)$`)
  const names = await readdir(dirname(folder))
  for (const name of names) {
    const pid = pattern.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) {
      await rm(join(dirname(folder), name), { recursive: true, force: true })
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A folder cannot be renamed onto a non-empty one, so the old one is moved aside for a moment. */
async function replace(folder: string, beside: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      if (existsSync(folder)) await rename(folder, `${beside}.old`)
      await rename(`${beside}.new`, folder)
      return
    } catch (error) {
      // Another process did the same at the same moment.
      if (tries === 5) throw new Error(`the page cannot be put into ${dirname(folder)}`, { cause: error })
      await rm(`${beside}.old`, { recursive: true, force: true })
    }
  }
}
