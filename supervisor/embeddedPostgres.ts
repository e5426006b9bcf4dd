import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './freePort.ts'
import { guardPostmaster } from './postgres/guardPostmaster.ts'
import { findHome, prepareHome } from './postgres/locateHome.ts'
import { locateNativeFolder } from './postgres/locateNativeFolder.ts'
import { type Postmaster, readPostmaster } from './postgres/readPostmaster.ts'
import { type ServerAccount, serverAccount } from './postgres/serverAccount.ts'
import { sharedBuffers } from './postgres/sharedBuffers.ts'

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  /** Connection URL with the password. Never log it. */
  url: string
  /** The server's main process. */
  pid: number
  /** Resolves when the server has ended, for whatever reason. */
  exited: Promise<void>
  /**
   * Ends connections, flushes everything to disk and stops. After `patienceMs` (default 5 s) it stops without flushing;
   * the next start recovers from the write-ahead log, so nothing committed is lost. May be called twice.
   */
  stop(patienceMs?: number): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Folder for the database; created if missing. */
  dataDir: string
  /** Receives the server's log lines and our own; they contain no secrets. */
  log?: (line: string) => void
}

/** How long a start may take, including recovery after a crash under load. */
const START_TIMEOUT_MS = 60_000
const IN_USE_PATIENCE_MS = 3_000
const USER = 'postgres'

/**
 * Starts a real PostgreSQL from the npm package on 127.0.0.1, password-protected and with fsync on, creating its data on
 * the first start.
 *
 * It copes with crashes: a server orphaned by a killed run is stopped first, it waits until the shared memory of a killed
 * server is free, and the server ends on its own when this process is killed. The port stays the same across starts while
 * it is free.
 *
 * @throws when this platform has no package, or when another live process runs a server on the same folder.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {})
  const account = serverAccount()
  const native = locateNativeFolder(account)
  const home = prepareHome(options.dataDir, account, log)
  const cluster = join(home, 'cluster')
  await stopOrphan(home, log)
  const password = keepPassword(home)
  if (!existsSync(cluster)) await initialize({ native, home, password, account, log })

  const deadline = Date.now() + START_TIMEOUT_MS
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
    const port = await freePort(readPort(home))
    const started = await launch({ native, cluster, port, account, log })
    if (started.kind === 'running') {
      writeFileSync(join(home, 'port'), `${port}\n`)
      return describe(started.child, started.pid, urlOf(port, password))
    }
    const passes = /pre-existing shared memory block|could not bind|Address already in use/.test(
      started.output,
    )
    if (!passes || Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${started.output}`)
    await wait(pauseMs)
  }
}

/**
 * The connection URL of the embedded PostgreSQL that runs on a data folder, or null when none does. For programs beside
 * the service; read-only.
 */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | null> {
  const home = findHome(dataDir)
  if (home === null) return null
  const postmaster = readPostmaster(join(home, 'cluster'))
  if (postmaster === null || !postmaster.ready) return null
  return urlOf(postmaster.port, readFileSync(join(home, 'password'), 'utf8').trim())
}

function urlOf(port: number, password: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`
}

function readPort(home: string): number {
  const file = join(home, 'port')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
}

/** The password is kept apart from the data, so that a first start killed half-way can be repeated. */
function keepPassword(home: string): string {
  const file = join(home, 'password')
  if (!existsSync(file)) {
    const fresh = `${file}.${process.pid}`
    writeFileSync(fresh, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 })
    renameSync(fresh, file)
  }
  return readFileSync(file, 'utf8').trim()
}

/**
 * The server left behind by an earlier run; null when there is none. A server whose owner still lives is given a few
 * seconds: an owner just killed, or a command just ending, is about to be gone.
 */
async function findOrphan(home: string, cluster: string): Promise<Postmaster | null> {
  const deadline = Date.now() + IN_USE_PATIENCE_MS
  for (;;) {
    const found = readPostmaster(cluster)
    if (found === null || found.parentPid !== found.ownerPid) return found
    if (Date.now() > deadline) {
      throw new Error(
        `The database in ${home} is in use by process ${found.ownerPid}: give each service its own DATA_DIR.`,
      )
    }
    await wait(100)
  }
}

async function stopOrphan(home: string, log: (line: string) => void): Promise<void> {
  const cluster = join(home, 'cluster')
  const orphan = await findOrphan(home, cluster)
  if (orphan === null) return
  log(`stopping the PostgreSQL ${orphan.pid} that a killed run left behind`)
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(orphan.pid, signal)
    } catch {
      // Gone between the look and the signal.
    }
    const deadline = Date.now() + 8_000
    while (Date.now() < deadline) {
      if (readPostmaster(cluster)?.pid !== orphan.pid) return
      await wait(50)
    }
  }
  throw new Error(`PostgreSQL ${orphan.pid}, left behind by a killed run, does not stop.`)
}

interface InitializeOptions {
  native: string
  home: string
  password: string
  account: ServerAccount
  log: (line: string) => void
}

/**
 * Created under another name and renamed when complete: a start killed half-way leaves nothing that looks like a
 * database.
 */
async function initialize({ native, home, password, account, log }: InitializeOptions): Promise<void> {
  log('creating a new database')
  const fresh = join(home, `cluster.new-${process.pid}`)
  const passwordFile = join(home, `password.new-${process.pid}`)
  rmSync(fresh, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account.uid !== undefined) chownSync(passwordFile, account.uid, account.gid)
  const child = spawn(
    join(native, 'bin', 'initdb'),
    [
      ...['--pgdata', fresh, '--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C'],
    ],
    { ...account, cwd: home, env: serverEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  // After an interruption nobody waits for it, and it would go on writing into a folder that may be deleted.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  try {
    const { code, output } = await collect(child)
    if (code !== 0) throw new Error(`PostgreSQL could not create its data folder ${fresh}: ${output}`)
    renameSync(fresh, join(home, 'cluster'))
  } finally {
    process.off('exit', kill)
    rmSync(passwordFile, { force: true })
    rmSync(fresh, { recursive: true, force: true })
  }
}

interface LaunchOptions {
  native: string
  cluster: string
  port: number
  account: ServerAccount
  log: (line: string) => void
}

type Launch = { kind: 'running'; child: ChildProcess; pid: number } | { kind: 'failed'; output: string }

async function launch({ native, cluster, port, account, log }: LaunchOptions): Promise<Launch> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: sharedBuffers(totalmem(), process.constrainedMemory() ?? 0),
    max_connections: '100',
    fsync: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // So that the advisory locks of a client whose machine is gone are soon released.
    tcp_keepalives_idle: '5',
    // Not a setting of PostgreSQL: it marks on the command line whose server this is (see `readPostmaster`).
    'axonos.owner': String(process.pid),
  }
  const child = spawn(
    join(native, 'bin', 'postgres'),
    ['-D', cluster, '-p', String(port), ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])],
    // Detached: Ctrl-C in a terminal goes to the whole process group, and the database must be stopped last.
    {
      ...account,
      cwd: cluster,
      env: serverEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    },
  )
  const lines: string[] = []
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (lines.length < 50) lines.push(line)
      log(line)
    })
  }
  let ended = false
  const end = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      lines.push(error.message)
      resolve()
    })
    child.once('close', () => resolve())
  }).then(() => {
    ended = true
  })
  const pid = child.pid
  if (pid === undefined) {
    await end
    return { kind: 'failed', output: lines.join('\n') }
  }
  const dismissGuard = guardPostmaster(pid, cluster)
  void end.then(dismissGuard)
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!ended) {
    const postmaster = readPostmaster(cluster)
    if (postmaster?.pid === pid && postmaster.ready) return { kind: 'running', child, pid }
    if (Date.now() > deadline) child.kill('SIGQUIT')
    await Promise.race([end, wait(20)])
  }
  return { kind: 'failed', output: lines.join('\n') }
}

function describe(child: ChildProcess, pid: number, url: string): EmbeddedPostgres {
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })
  const stop = async (patienceMs = 5_000) => {
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients. SIGQUIT skips flushing; recovery makes up for
    // it.
    child.kill('SIGINT')
    const patience = new AbortController()
    const force = wait(patienceMs, undefined, { signal: patience.signal }).then(
      () => child.kill('SIGQUIT'),
      () => {},
    )
    await exited
    patience.abort()
    await force
  }
  return { url, pid, exited, stop }
}

async function collect(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

/**
 * Not our own environment: PG* variables of the caller would change what the server does, and it has no use for our
 * secrets.
 */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}
