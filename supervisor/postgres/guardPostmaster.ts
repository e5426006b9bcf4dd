import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Waits for end-of-file on its stdin, which comes when the process at the other end dies, however it dies. Then it asks
 * PostgreSQL to stop, and forces it after five seconds. It compares postmaster.pid first, so a process id that has been
 * reused is left alone.
 */
const SCRIPT = `
trap '' INT TERM HUP
read -r _
same() { [ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ] && kill -0 "$1" 2>/dev/null; }
same "$1" "$2" && kill -INT "$1"
for _ in 1 2 3 4 5; do same "$1" "$2" || exit 0; sleep 1; done
same "$1" "$2" && kill -QUIT "$1"
`

/**
 * Makes PostgreSQL stop within seconds when this process is gone, even by `kill -9`, when none of our handlers can run: a
 * small shell holds a pipe to us and stops the server when the pipe closes.
 *
 * @returns a function that ends the guard, to be called once the server has stopped.
 */
export function guardPostmaster(pid: number, cluster: string): () => void {
  let dismissed = false
  let guard: ChildProcess
  const post = () => {
    guard = spawn('/bin/sh', ['-c', SCRIPT, 'postgres-guard', String(pid), cluster], {
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      // In a process group of its own: Ctrl-C in a terminal must not end the guard before the server.
      detached: true,
    })
    guard.unref()
    ;(guard.stdin as unknown as { unref?: () => void }).unref?.()
    guard.stdin?.on('error', () => {})
    guard.on('error', () => {})
    guard.on('exit', () => {
      if (!dismissed) post()
    })
  }
  post()
  return () => {
    dismissed = true
    guard.kill('SIGKILL')
  }
}
