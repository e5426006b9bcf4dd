import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { openEndpoints } from '../billing/chain/rpc/rpcEndpoint.ts'
import type { Config } from '../billing/config/config.ts'
import { formatFaults, parseSettings } from '../billing/config/parseSettings.ts'
import { isHangUp } from '../billing/database/connect.ts'
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
/** Everything must have stopped after ten seconds: the processes get most of that, the database the rest. */
const PROCESS_PATIENCE_MS = 6_500
const DATABASE_PATIENCE_MS = 2_000

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
  const stop = stopOnce(parts, logger)
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
  if (settings.databaseUrl === null) parts.database = await keepDatabase(settings.dataDir, log, restartAll)
  const databaseUrl = () => parts.database?.url() ?? settings.databaseUrl ?? ''

  // Waits for the first clear answers, so that the index is not begun in one way and then rebuilt in another.
  const traces = watchTraces(endpointsOf(settings), logger, (chains) => {
    config = withoutTraces(settings, chains)
    restartAll()
  })
  config = withoutTraces(settings, await traces.first)
  if (stop.asked()) return

  const runsIndexer = role === 'all' || role === 'indexer'
  // On its own, the indexer is what HOST and PORT are for; beside billing it is only reached from this machine.
  const indexerAt =
    role === 'indexer'
      ? { host: settings.host, port: settings.port }
      : { host: '127.0.0.1', port: runsIndexer ? await freePort() : 0 }
  const environment = () => childEnvironment(config, databaseUrl())
  if (runsIndexer) {
    parts.indexer = keepIndexer({
      config: () => config,
      databaseUrl,
      ...indexerAt,
      environment,
      root,
      logger: log,
    })
  }
  if (role !== 'indexer') {
    const indexerUrl = runsIndexer
      ? `http://${indexerAt.host}:${indexerAt.port}`
      : (settings.indexerUrl ?? '')
    parts.billing = superviseProcess({
      component: 'billing',
      plan: async () => ({
        args: ['--import', import.meta.resolve('tsx'), 'billing/main.ts', '--role', role],
        env: { ...environment(), INDEXER_URL: indexerUrl },
        cwd: root,
      }),
      stopSignal: 'SIGTERM',
      hopeless: { code: EXIT_CONFIG, tell: () => void stop.now(EXIT_CONFIG) },
      logger: log,
    })
  }
}

interface Stop {
  /** Stops everything in order and then exits; a second call meanwhile changes nothing. */
  now(code: number): Promise<void>
  asked(): boolean
}

function stopOnce(parts: Parts, logger: Logger): Stop {
  let asked = false
  return {
    asked: () => asked,
    async now(code) {
      if (asked) return
      asked = true
      logger.info('stopping')
      const { indexer, billing, database, panel } = parts
      panel?.stop()
      await Promise.allSettled([indexer?.stop(PROCESS_PATIENCE_MS), billing?.stop(PROCESS_PATIENCE_MS)])
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
