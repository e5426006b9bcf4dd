import { listProcesses, type ProcessInfo } from './listProcesses.ts'

/** The live processes that one started, and those that these started, and so on. */
export function listProcessesBelow(ancestor: number): ProcessInfo[] {
  const all = listProcesses()
  const below: ProcessInfo[] = []
  const parents = [ancestor]
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const info of all) {
      if (info.parentPid !== parent) continue
      below.push(info)
      parents.push(info.pid)
    }
  }
  return below
}
