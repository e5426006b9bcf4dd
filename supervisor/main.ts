import { existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { openEndpoints } from '../billing/chain/rpc/rpcEndpoint.ts'
import type { Config } from '../billing/config/config.ts'
import { formatFaults, parseSettings } from '../billing/config/parseSettings.ts'
import { isHangUp } from '../billing/database/connect.ts'
import type { Supervised } from '../billing/health/createMetrics.ts'
import { createLogger } from '../billing/log/createLogger.ts'
import { freePort } from './freePort.ts'
import { type KeptIndexer, keepIndexer } from './indexer/keepIndexer.ts'
import { type KeptDatabase, keepDatabase } from './keepDatabase.ts'
import { keepPanelBuilt } from './panel/keepPanelBuilt.ts'
import { HELP, parseArguments, type Role } from './parseArguments.ts'
import { redactUrls } from './redactUrls.ts'
import { type SupervisedProcess, superviseProcess } from './superviseProcess.ts'
import { watchTraces } from './watchTraces.ts'

// The composition root of `npm start`: one database, one indexer, one billing process, and the order in which they stop.

/** sysexits.h: wrong usage, wrong configuration. */
const EXIT_USAGE = 64
const EXIT_CONFIG = 78
/** Everything must have stopped ten seconds after DRAIN_SECONDS: the processes get most of that, the database the rest. */
const PROCESS_PATIENCE_MS = 6_500
const DATABASE_PATIENCE_MS = 2_000
/** How long billing waits to hear in which way ETH is found; it is started anew where it then is another one. */
const BILLING_WAITS_MS = 2_000

const root = fileURLToPath(new URL('..', import.meta.url))

interface Parts {
  database: KeptDatabase | null
  indexer: KeptIndexer | null
  billing: SupervisedProcess | null
  panel: { stop(): void } | null
}

async function main(): Promise<void> {
  const args = parseArguments(process.argv.slice(2))
  switch (args.kind) {
    case 'help':
      console.log(HELP)
      return
    case 'wrong':
      console.error(`${args.why}\n\n${HELP}`)
      process.exit(EXIT_USAGE)
      break
    case 'run':
      await run(args.role, readConfig(args.role))
  }
}

function readConfig(role: Role): Config {
  if (existsSync('.env')) process.loadEnvFile('.env')
  const parsed = parseSettings(process.env, { stdoutIsTerminal: process.stdout.isTTY === true })
  if (!parsed.ok) {
    console.error(formatFaults(parsed.faults))
    process.exit(EXIT_CONFIG)
  }
  if (role !== 'all' && parsed.config.databaseUrl === null) {
    console.error(
      `DATABASE_URL is empty. --role ${role} needs the database that the other roles use; only --role all runs its own.`,
    )
    process.exit(EXIT_CONFIG)
  }
  return parsed.config
}

async function run(role: Role, settings: Config): Promise<void> {
  const log = createLogger(null, settings)
  const logger = log.child({ component: 'supervisor' })
  const parts: Parts = { database: null, indexer: null, billing: null, panel: null }
  let config = settings
  const drains = role === 'all' || role === 'api'
  const stop = stopOnce(parts, drains ? settings.drainSeconds * 1_000 : 0, logger)
  if (role === 'all' || role === 'api') parts.panel = keepPanelBuilt(logger)
  process.on('SIGINT', () => void stop.now(0))
  process.on('SIGTERM', () => void stop.now(0))
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (isHangUp(error)) {
        logger.warn({ error: redactUrls(String(error)) }, 'the database hung up')
        return
      }
      logger.fatal(
        { error: redactUrls(String(error instanceof Error ? error.stack : error)) },
        'the supervisor cannot go on',
      )
      void stop.now(1)
    })
  }

  const restartAll = () => {
    void parts.indexer?.restart()
    void parts.billing?.restart()
  }
  const restarts: Partial<Record<Supervised, number>> = {}
  const tellRestarts = () => parts.billing?.send({ restarts })
  const countRestart = (name: Supervised) => () => {
    restarts[name] = (restarts[name] ?? 0) + 1
    tellRestarts()
  }
  if (settings.databaseUrl === null)
    parts.database = await keepDatabase(settings.dataDir, log, restartAll, countRestart('postgres'))
  const databaseUrl = () => parts.database?.url() ?? settings.databaseUrl ?? ''

  // The index waits for the first clear answers, so that it is not begun in one way and then rebuilt in another. Billing does not
  // wait for RPCs that are away: balances and heartbeats need none.
  const traces = watchTraces(endpointsOf(settings), logger, (chains) => {
    config = withoutTraces(settings, chains)
    restartAll()
  })
  const first = traces.first.then((chains) => {
    config = withoutTraces(settings, chains)
  })
  await Promise.race([first, wait(BILLING_WAITS_MS, undefined, { ref: false })])
  if (stop.asked()) return

  const runsIndexer = role === 'all' || role === 'indexer'
  const indexerAt = { host: '127.0.0.1', port: runsIndexer ? await freePort() : 0 }
  const begunWith = config
  const environment = () => childEnvironment(config, databaseUrl())
  const indexerUrl = runsIndexer ? `http://${indexerAt.host}:${indexerAt.port}` : (settings.indexerUrl ?? '')
  parts.billing = superviseProcess({
    component: 'billing',
    plan: async () => ({
      args: ['--import', import.meta.resolve('tsx'), 'billing/main.ts', '--role', role],
      env: { ...environment(), INDEXER_URL: indexerUrl },
      cwd: root,
    }),
    stopSignal: 'SIGTERM',
    hopeless: { code: EXIT_CONFIG, tell: () => void stop.now(EXIT_CONFIG) },
    onRestart: countRestart('billing'),
    onStart: tellRestarts,
    logger: log,
  })
  await first
  if (stop.asked()) return
  if (detectionOf(config) !== detectionOf(begunWith)) void parts.billing.restart()
  if (runsIndexer) {
    parts.indexer = keepIndexer({
      config: () => config,
      databaseUrl,
      ...indexerAt,
      environment,
      root,
      onRestart: countRestart('indexer'),
      logger: log,
    })
  }
}

function detectionOf({ chains }: Config): string {
  return chains.map(({ ethDetection }) => ethDetection).join()
}

interface Stop {
  /** Stops everything in order and then exits; a second call meanwhile changes nothing. */
  now(code: number): Promise<void>
  asked(): boolean
}

/** Until billing closes, all that it needs goes on; what is served through it too. */
function stopOnce(parts: Parts, drainMs: number, logger: Logger): Stop {
  let asked = false
  return {
    asked: () => asked,
    async now(code) {
      if (asked) return
      asked = true
      logger.info('stopping')
      const { indexer, billing, database, panel } = parts
      panel?.stop()
      const drained = code === 0 && billing?.pid() ? drainMs : 0
      const stopIndexer = async () => {
        await wait(drained)
        await indexer?.stop(PROCESS_PATIENCE_MS)
      }
      await Promise.allSettled([stopIndexer(), billing?.stop(drained + PROCESS_PATIENCE_MS)])
      await database?.stop(DATABASE_PATIENCE_MS)
      logger.info('stopped')
      process.exit(code)
    },
  }
}

function endpointsOf(config: Config) {
  return config.chains
    .filter(
      ({ chainId, ethDetection }) =>
        ethDetection === 'traces' &&
        config.rails.some((rail) => rail.asset === 'eth' && rail.chainId === chainId),
    )
    .map(({ chainId, rpcUrls }) => ({ chainId, endpoints: openEndpoints(rpcUrls) }))
}

function withoutTraces(config: Config, chains: ReadonlySet<number>): Config {
  return {
    ...config,
    chains: config.chains.map((chain) =>
      chains.has(chain.chainId) ? { ...chain, ethDetection: 'transactions' } : chain,
    ),
  }
}

/** Our own environment plus what the children cannot find out for themselves. */
function childEnvironment(config: Config, databaseUrl: string): NodeJS.ProcessEnv {
  const detection = config.chains.map(({ chainId, ethDetection }) => [
    `ETH_DETECTION_${chainId}`,
    ethDetection,
  ])
  return {
    ...process.env,
    ...Object.fromEntries(detection),
    DATABASE_URL: databaseUrl,
    DATA_DIR: config.dataDir,
    LOG_FORMAT: config.logFormat,
  }
}

main().catch((error: unknown) => {
  console.error(redactUrls(error instanceof Error ? error.message : String(error)))
  process.exit(1)
})
