import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a running server states in its `postmaster.pid`. */
export interface Postmaster {
  pid: number
  port: number
  /** Whether it accepts connections. */
  ready: boolean
  /** The process that started it, or the one that inherited it when that one died. */
  parentPid: number
  /** The process that started it; 0 when unknown. */
  ownerPid: number
}

/**
 * The live server on a cluster, or null. A `postmaster.pid` left behind by a killed server counts as none, even if its
 * process id has been reused.
 */
export function readPostmaster(cluster: string): Postmaster | null {
  const lines = readLines(join(cluster, 'postmaster.pid'))
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 1) return null
  const process = describeProcess(pid)
  // An empty port line means that the server is still starting.
  if (process === null || !process.command.includes(cluster)) return null
  return {
    pid,
    port: Number(lines[3] ?? 0),
    ready: lines[7]?.trim() === 'ready',
    parentPid: process.parentPid,
    ownerPid: Number(/axonos\.owner=(\d+)/.exec(process.command)?.[1] ?? 0),
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function describeProcess(pid: number): { parentPid: number; command: string } | null {
  // Read from /proc if there is one: on small systems, `ps` has no options.
  if (existsSync('/proc/self/stat')) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // pid (name, which may hold anything) state ppid …
      const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === 'Z') return null
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return { parentPid: Number(parentPid), command }
    } catch {
      return null
    }
  }
  const answer = spawnSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' })
  const match = /^\s*(\d+)\s+(.*)$/m.exec(answer.stdout)
  return match ? { parentPid: Number(match[1]), command: match[2] ?? '' } : null
}
