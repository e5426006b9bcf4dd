import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/**
 * CPU seconds used so far by a process, its living children and its ended ones. Linux only; elsewhere there is no such
 * figure for another process, and it is NaN.
 */
export function cpuSeconds(pid: number): number {
  try {
    const children = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readStat(name) ?? [])
      .filter(({ parent }) => parent === pid)
    const own = readStat(String(pid))
    if (own === null) return Number.NaN
    return children.reduce((sum, { ticks }) => sum + ticks, own.ticks + own.ticksOfEnded) / TICKS_PER_SECOND
  } catch {
    return Number.NaN
  }
}

function readStat(name: string): { parent: number; ticks: number; ticksOfEnded: number } | null {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'utf8')
    // The program's name, in parentheses, may contain anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const field = (number: number) => Number(fields[number - 3])
    return { parent: field(4), ticks: field(14) + field(15), ticksOfEnded: field(16) + field(17) }
  } catch {
    // It ended after the processes were listed.
    return null
  }
}
