import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What decides the bundle besides the page's own sources: the versions of its dependencies, and how it is built. */
const BUILD_INPUTS = ['package-lock.json', 'supervisor/panel']

/**
 * A digest of everything that the page is built from, so that an outdated build is noticed; null if the sources are not
 * there (an image that contains only the finished page). Takes milliseconds; hashes the contents, not the modification
 * times, which a checkout changes.
 */
export function hashPanelSources(checkout: string): string | null {
  if (!existsSync(join(checkout, 'panel/index.html'))) return null
  const hash = createHash('sha256')
  for (const path of ['panel', ...BUILD_INPUTS].flatMap((name) => filesAt(checkout, name))) {
    hash.update(`${path}\0`)
    hash.update(readFileSync(join(checkout, path)))
    hash.update('\0')
  }
  return hash.digest('hex')
}

function filesAt(checkout: string, name: string): string[] {
  if (!existsSync(join(checkout, name))) return []
  if (/\.\w+$/.test(name)) return [name]
  return readdirSync(join(checkout, name), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${name}/${entry.name}`
      if (entry.isFile()) return [path]
      return entry.isDirectory() && !/^dist\b/.test(entry.name) ? filesAt(checkout, path) : []
    })
}
