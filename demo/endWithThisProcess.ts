import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Makes a child end when this process ends, even by `kill -9`, when none of our handlers run: a shell waits for the end
 * of its input, which comes then, and sends the child the signal. Without the shell, a child in its own process group
 * would live on.
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
