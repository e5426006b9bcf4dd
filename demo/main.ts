import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import pc from 'picocolors'
import { BaseError } from 'viem'
import { removeFolder } from './removeFolder.ts'
import { runDemo } from './runDemo.ts'

const program = new Command('npm run demo --')
  .description(
    'Runs AxonOS Credits on a chain of its own: real payments in ETH, USDC and AXGT, credited while you watch.\n' +
      'Needs nothing but Node; everything lives in a temporary folder that is removed at the end.',
  )
  .option('--once', 'end when all payments are done: exit code 0 if each gave the expected minutes, else 1')
  .parse()
const { once = false } = program.opts<{ once?: boolean }>()

const folder = await mkdtemp(join(tmpdir(), 'axonos-credits-demo-'))
// When run as root, PostgreSQL runs as another user, who must be able to enter.
await chmod(folder, 0o755)

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort(signal))
}

try {
  process.exitCode = await runDemo({ once, folder, out: process.stdout, interrupted: interrupt.signal })
} catch (error) {
  const interrupted = interrupt.signal.aborted
  if (!interrupted) console.error(`\n${pc.red('The demo failed:')} ${explain(error)}`)
  process.exitCode = interrupted ? 130 : 1
} finally {
  await removeFolder(folder)
}

/** Errors of viem include whole contracts; their short message says what is wrong. */
function explain(error: unknown): string {
  if (error instanceof BaseError) return [error.shortMessage, error.details].filter(Boolean).join(' ')
  return error instanceof Error ? error.message : String(error)
}
