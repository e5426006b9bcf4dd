import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Makes a child end when this process ends, also by `kill -9`, where no handler of ours runs: a shell waits for the end
 * of its input, which then comes, and sends the child the signal. Without the shell a child in a process group of its
 * own would live on.
 */
export function endWithThisProcess(child: ChildProcess, signal: 'INT' | 'KILL'): void {
  const guard = spawn('sh', ['-c', `read -r line; kill -${signal} ${child.pid} 2> /dev/null`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  child.once('exit', () => guard.kill('SIGKILL'))
  guard.unref()
  // Node's types hide that this stream is a socket.
  ;(guard.stdin as { unref?(): void }).unref?.()
}
