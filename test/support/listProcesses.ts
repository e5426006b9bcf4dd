import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

export interface ProcessInfo {
  pid: number
  parentPid: number
  command: string
}

/** Every live process of the machine with its command line. Zombies, which only wait to be counted, are left out. */
export function listProcesses(): ProcessInfo[] {
  return existsSync('/proc/self/stat') ? readProc() : askPs()
}

/** Linux, where slim images have no `ps`. */
function readProc(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        // After the program's name, which is in brackets and may hold anything: state, parent.
        const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return state === 'Z' ? [] : [{ pid: Number(name), parentPid: Number(parentPid), command }]
      } catch {
        // Ended between the listing and the look.
        return []
      }
    })
}

function askPs(): ProcessInfo[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state=,command='], { encoding: 'utf8' }).split(
    '\n',
  )
  return lines.flatMap((line) => {
    const [, pid, parentPid, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (command === undefined || state?.startsWith('Z')) return []
    return [{ pid: Number(pid), parentPid: Number(parentPid), command }]
  })
}
