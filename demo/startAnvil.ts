import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { endWithThisProcess } from './endWithThisProcess.ts'

export interface AnvilOptions {
  /** Default 31337. */
  chainId?: number
  /** Default: a free one. */
  port?: number
  /** Mines a block at this interval, empty or not. Default: none; nothing is mined until requested. */
  blockTimeSeconds?: number
  /** Seconds since 1970 of block 0. Default: now. */
  genesisTimestamp?: number
  /** `finalized` is two epochs behind the head. Default 32, as on mainnet: 64 blocks. */
  slotsInAnEpoch?: number
}

/** A running local chain with ten funded accounts of the mnemonic `test test … junk`. */
export interface Anvil {
  chainId: number
  rpcUrl: string
  wsUrl: string
  pid: number
  /** Stops it and waits until it is gone. Idempotent. */
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 15_000

/**
 * Starts the anvil of the npm package on 127.0.0.1 and resolves when it listens. It is quiet, ends with the process that
 * started it (even if that one is killed), and is in its own process group, so that on Ctrl-C its owner can stop it after
 * everything that still uses it.
 *
 * @throws when there is no anvil for this platform, or if it ends or stays silent instead of listening.
 */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const chainId = options.chainId ?? 31_337
  const child = spawn(findAnvil(), anvilArguments(options, chainId), {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const port = await listeningPort(child)
  if (child.pid === undefined) throw new Error('anvil has no process id')
  endWithThisProcess(child, 'KILL')
  unref(child)

  return {
    chainId,
    rpcUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    pid: child.pid,
    async stop() {
      // A throwaway chain has nothing to save, so the quickest end will do.
      child.ref()
      child.kill('SIGKILL')
      await exited
    },
  }
}

function anvilArguments(options: AnvilOptions, chainId: number): string[] {
  const mining =
    options.blockTimeSeconds === undefined
      ? ['--no-mining']
      : ['--block-time', String(options.blockTimeSeconds)]
  const genesis =
    options.genesisTimestamp === undefined ? [] : ['--timestamp', String(options.genesisTimestamp)]
  return [
    ...['--host', '127.0.0.1', '--port', String(options.port ?? 0), '--chain-id', String(chainId)],
    ...['--balance', '1000000', '--hardfork', 'prague', '--order', 'fifo'],
    // Room for a block with hundreds of deposits.
    ...['--gas-limit', '1000000000', '--slots-in-an-epoch', String(options.slotsInAnEpoch ?? 32)],
    ...mining,
    ...genesis,
  ]
}

/** The binary itself rather than the package's launcher: one process fewer, and signals reach it. */
function findAnvil(): string {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]
  const packageName = `@foundry-rs/anvil-${process.platform}-${architecture ?? process.arch}`
  try {
    const require = createRequire(import.meta.url)
    const launcher = require.resolve('@foundry-rs/anvil/package.json')
    // Resolved from the launcher's location, because npm may nest the platform package below it.
    const manifest = createRequire(launcher).resolve(`${packageName}/package.json`)
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
  } catch {
    throw new Error(
      `There is no local chain for ${process.platform}-${process.arch} here: the package ${packageName} is not installed. ` +
        'Run `npm ci` without --omit=dev and --omit=optional.',
    )
  }
}

/** The port that anvil says it listens on; requesting port 0 and reading the answer avoids a race for the port. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`anvil ${why}${said === '' ? '' : `. It said:\n${said.slice(-2_000)}`}`))
    }
    const timer = setTimeout(
      () => fail(`did not listen within ${START_TIMEOUT_MS / 1000} s`),
      START_TIMEOUT_MS,
    )
    child.once('error', (error) => fail(`could not be started: ${error.message}`))
    const end = (code: number | null, signal: string | null) =>
      fail(`ended (${signal ?? `exit code ${code}`}) instead of listening`)
    child.once('exit', end)
    const listen = (chunk: Buffer) => {
      said += chunk.toString()
      const port = /Listening on \S*:(\d+)/.exec(said)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      child.off('exit', end)
      // From here on its log is read and discarded: a full pipe would block it.
      for (const stream of [child.stdout, child.stderr]) stream?.removeAllListeners('data').resume()
      resolve(Number(port))
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
  })
}

/** Lets a finished program exit although its chain still runs. */
function unref(child: ChildProcess): void {
  child.unref()
  // Node's types hide that these streams are sockets.
  for (const stream of [child.stdout, child.stderr]) (stream as { unref?(): void } | null)?.unref?.()
}
