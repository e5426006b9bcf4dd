import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { canEnter, type ServerAccount } from './serverAccount.ts'

/** Where a database is kept if PostgreSQL's account cannot enter the data folder. */
const DURABLE_FOLDER = '/var/lib/axonos-credits'

/**
 * The folder that holds the cluster, its password and its port, for an existing database; null when `dataDir` has none.
 * Read-only.
 */
export function findHome(dataDir: string): string | null {
  const inside = join(resolve(dataDir), 'postgres')
  const pointer = `${inside}.location`
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim()
  return existsSync(inside) ? inside : null
}

/**
 * The same folder, created if there is none yet, owned by the account PostgreSQL runs as.
 *
 * It is `<dataDir>/postgres` if that account can get there. Otherwise (a service started by root with its data below a
 * 0700 folder) it is under /var/lib, or in the temporary folder if `dataDir` is there too, and
 * `<dataDir>/postgres.location` names it, so that the next start finds it again.
 */
export function prepareHome(dataDir: string, account: ServerAccount, log: (line: string) => void): string {
  const folder = resolve(dataDir)
  mkdirSync(folder, { recursive: true })
  const found = findHome(folder)
  if (found !== null && existsSync(found)) return found
  const inside = join(folder, 'postgres')
  if (canEnterOwn(folder, account)) return makeHome(inside, account)

  const elsewhere = isTemporary(folder)
    ? makeHome(mkdtempSync(join(tmpdir(), 'axonos-credits-')), account)
    : makeHome(join(DURABLE_FOLDER, createHash('sha256').update(folder).digest('hex').slice(0, 16)), account)
  writeFileSync(`${inside}.location`, `${elsewhere}\n`)
  log(`PostgreSQL does not run as root and cannot enter ${folder}: the database is in ${elsewhere}.`)
  return elsewhere
}

/** Our own data folder is made traversable (0711): nobody else can list it, and what is in it is 0600. */
function canEnterOwn(folder: string, account: ServerAccount): boolean {
  if (canEnter(folder, account)) return true
  const { uid, mode } = statSync(folder)
  if (uid !== process.getuid?.()) return false
  chmodSync(folder, (mode & 0o777) | 0o011)
  if (canEnter(folder, account)) return true
  chmodSync(folder, mode & 0o777)
  return false
}

function makeHome(path: string, account: ServerAccount): string {
  mkdirSync(path, { recursive: true, mode: 0o711 })
  chmodSync(path, 0o700)
  if (account.uid !== undefined) chownSync(path, account.uid, account.gid)
  return path
}

function isTemporary(folder: string): boolean {
  return realpathSync(folder).startsWith(realpathSync(tmpdir()) + sep)
}
