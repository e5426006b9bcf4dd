import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./bareServer.ts', import.meta.url))

/** Bare routes in their own process, on the service's server library: the cost of HTTP and JSON alone. */
export async function startBare(): Promise<{ url: URL; pid: number; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  if (child.stdout === null || child.pid === undefined) throw new Error('the bare server did not start')
  const lines = createInterface({ input: child.stdout })
  const ended = exited.then(() => {
    throw new Error('the bare server ended before it served')
  })
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
  ended.catch(() => {})
  return {
    url: new URL(line),
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
