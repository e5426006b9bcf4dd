import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import type { Api, Health } from './api/appDeps.ts'
import { createApp } from './api/createApp.ts'
import { createOperationApp, readIndexerServing } from './api/createOperationApp.ts'
import { type Serving, serve } from './api/serve.ts'
import { openEndpoints } from './chain/rpc/rpcEndpoint.ts'
import { aborted, pause } from './clock/createWaker.ts'
import type { Config } from './config/config.ts'
import { formatFaults, parseSettings } from './config/parseSettings.ts'
import { connect, isHangUp, type Sql } from './database/connect.ts'
import { migrate } from './database/migrate.ts'
import { openDepositProgress } from './deposits/openDepositProgress.ts'
import { openEventFeed } from './events/openEventFeed.ts'
import { runPublisher } from './events/runPublisher.ts'
import { webhookEndpointId } from './events/webhooks/postWebhook.ts'
import { openByChain } from './gate/open/openByChain.ts'
import { createMetrics, type Metrics } from './health/createMetrics.ts'
import { openReadings } from './health/readGauges.ts'
import { readHealth, readServing } from './health/readHealth.ts'
import { createLogger } from './log/createLogger.ts'
import { loggableError } from './log/loggableError.ts'
import { runMeteringClock } from './metering/runMetering.ts'
import { runWorker } from './runWorker.ts'
import { appDeps, confirmationsOf } from './wireApi.ts'

/** EX_CONFIG of sysexits.h: starting again will not help until a setting is changed. */
const EXIT_WRONG_SETTING = 78

/** Health and metrics have connections of their own, so that they tell of it when all others are taken. */
const HEALTH_CONNECTIONS = 3
/** Another process of this machine may listen on the port until it has stopped. */
const PORT_RETRY_MS = 2_000

/** `indexer`: health and metrics beside an indexer, and the way to it. */
type Role = 'all' | 'api' | 'worker' | 'indexer'

/** The composition root of billing: settings in, gate and HTTP API running, everything closed again at the end. */
async function main(): Promise<number> {
  const role = readRole()
  const parsed = parseSettings(process.env, { stdoutIsTerminal: process.stdout.isTTY === true })
  if (!parsed.ok) {
    process.stderr.write(`${formatFaults(parsed.faults)}\n`)
    return EXIT_WRONG_SETTING
  }
  const { config } = parsed
  const logger = createLogger('billing', config)
  if (config.databaseUrl === null) {
    process.stderr.write('billing needs DATABASE_URL; npm start gives it the embedded one\n')
    return EXIT_WRONG_SETTING
  }
  process.on('unhandledRejection', (error: unknown) => {
    // Anything else is a broken assumption: it ends this process, as it would without us, and the supervisor starts it anew.
    if (!isHangUp(error)) throw error
    logger.warn({ error: loggableError(error, config) }, 'the database hung up')
  })
  const stops = stopSignals(logger, role === 'worker' || role === 'indexer' ? 0 : config.drainSeconds * 1_000)
  const sql = connect(config.databaseUrl, { max: 20 })
  const healthSql = connect(config.databaseUrl, {
    max: HEALTH_CONNECTIONS,
    applicationName: 'billing health',
  })
  try {
    // The indexer's role may have no right to; whoever needs the tables makes them.
    if (role !== 'indexer') await migrate(config.databaseUrl)
    return await run(role, { config, databaseUrl: config.databaseUrl, sql, healthSql, logger, stops })
  } catch (error) {
    logger.fatal({ error: loggableError(error, config) }, 'billing cannot go on')
    return 1
  } finally {
    await Promise.all([sql.end({ timeout: 2 }), healthSql.end({ timeout: 2 })])
  }
}

function readRole(): Role {
  const { values } = parseArgs({ options: { role: { type: 'string', default: 'all' } } })
  const roles: Role[] = ['all', 'api', 'worker', 'indexer']
  return roles.find((role) => role === values.role) ?? 'all'
}

interface Stops {
  /** SIGINT, SIGTERM, or the end of the process that started this one: load balancers are told. */
  asked: AbortSignal
  /** Everything ends: `drainMs` after that, or at once where it is asked a second time or nobody is there to ask. */
  now: AbortSignal
}

function stopSignals(logger: Logger, drainMs: number): Stops {
  const asked = new AbortController()
  const now = new AbortController()
  const stop = (why: string, patienceMs: number) => {
    if (!asked.signal.aborted) logger.info({ why, drainMs: patienceMs }, 'billing stops')
    const again = asked.signal.aborted
    asked.abort()
    if (again || patienceMs === 0) now.abort()
    else setTimeout(() => now.abort(), patienceMs)
  }
  process.on('SIGINT', () => stop('SIGINT', drainMs))
  process.on('SIGTERM', () => stop('SIGTERM', drainMs))
  if (process.connected) process.on('disconnect', () => stop('the supervisor is gone', 0))
  return { asked: asked.signal, now: now.signal }
}

interface Running {
  config: Config
  databaseUrl: string
  sql: Sql
  healthSql: Sql
  logger: Logger
  stops: Stops
}

async function run(role: Role, running: Running): Promise<number> {
  const { config, healthSql, logger, stops } = running
  const metrics = metricsOf(config, healthSql)
  if (role !== 'indexer') return runGating(role, metrics, running)
  const { indexerUrl } = config
  const health = healthOf(running, new Map(), indexerUrl)
  const app = createOperationApp({ config, logger, health, metrics }, indexerUrl)
  await servePatiently(app, running)
  await aborted(stops.now)
  return 0
}

/** The metrics of this process, and what the supervisor tells of the others. */
function metricsOf(config: Config, healthSql: Sql): Metrics {
  const rails = config.rails.map(({ rail }) => rail)
  const chainIds = config.chains.map(({ chainId }) => chainId)
  const metrics = createMetrics({
    chains: config.chains.map(({ chainId, rpcUrls }) => ({ chainId, rpcs: openEndpoints(rpcUrls).length })),
    rails,
    read: openReadings(healthSql, { chainIds, rails }),
  })
  process.on('message', (message) => {
    const isRestarts = typeof message === 'object' && message !== null && 'restarts' in message
    if (isRestarts) metrics.restarted(message.restarts as Parameters<Metrics['restarted']>[0])
  })
  return metrics
}

function healthOf(
  { config, healthSql, stops }: Running,
  starting: ReadonlyMap<number, string>,
  indexerUrl: string | null,
): Health {
  const chainIds = config.chains.map(({ chainId }) => chainId)
  return {
    read: () => readHealth(healthSql, chainIds, starting),
    readServing: async () =>
      (await readServing(healthSql)) ?? (indexerUrl === null ? null : await readIndexerServing(indexerUrl)),
    isStopping: () => stops.asked.aborted,
  }
}

async function runGating(role: Role, metrics: Metrics, running: Running): Promise<number> {
  const { config, databaseUrl, sql, logger, stops } = running
  const wrong = new AbortController()
  const stop = AbortSignal.any([stops.now, wrong.signal])
  const gate = openByChain(config, sql, { logger, metrics }, stop)
  let exitCode = 0
  void gate.tried.then((why) => {
    if (why === null) return
    process.stderr.write(`1 setting is wrong:\n  ${why}\n`)
    exitCode = EXIT_WRONG_SETTING
    wrong.abort()
  })
  const health = healthOf(running, gate.starting, null)
  const tell = (what: string) => (error: unknown) =>
    logger.error({ error: loggableError(error, config) }, what)
  const endpointId = config.webhook === null ? null : webhookEndpointId(config.webhook.url)
  const over = [runPublisher(sql, { endpointId, stop, onProblem: tell('events could not be published') })]
  let serving: Serving | null = null
  if (role === 'worker') {
    serving = await servePatiently(createOperationApp({ config, logger, health, metrics }, null), running)
  } else {
    const time = await runMeteringClock(sql, { stop, onProblem: tell('the metering clock does not tick') })
    over.push(time.stopped)
    const feed = await openEventFeed(sql, { stop, onProblem: tell('events could not be read') })
    const progress = await openDepositProgress(sql, {
      confirmationsRequired: confirmationsOf(gate),
      stop,
      onProblem: tell('pending deposits could not be followed'),
    })
    over.push(feed.over, progress.over)
    const app = createApp(appDeps(config, sql, { gate, feed, progress, logger, metrics, health }))
    serving = await serve(app, { host: config.host, port: config.port })
    logger.info({ url: serving.url }, 'billing serves')
  }
  if (role !== 'api') await runWorker({ gate: gate.deps, config, databaseUrl, logger, metrics }, stop)
  else await aborted(stop)
  await serving?.close()
  await Promise.all(over)
  return exitCode
}

/** A role that does its work without HTTP goes on without it while its port is taken; null: until it has become free. */
async function servePatiently(app: Api, { config, logger, stops }: Running): Promise<Serving | null> {
  const attempt = () => serve(app, { host: config.host, port: config.port })
  const tell = ({ url }: Serving) => logger.info({ url }, 'health and metrics are served')
  try {
    const serving = await attempt()
    tell(serving)
    return serving
  } catch (error) {
    const { host, port } = config
    logger.error(
      { host, port, error: loggableError(error, config) },
      'health and metrics are not served: give each process of a machine a PORT of its own; trying again',
    )
  }
  const tryOn = async () => {
    while (!stops.now.aborted) {
      await pause(PORT_RETRY_MS, stops.now)
      const serving = await attempt().catch(() => null)
      if (serving === null) continue
      tell(serving)
      await aborted(stops.now)
      return serving.close()
    }
  }
  void tryOn()
  return null
}

// Sockets of an RPC (WebSocket) may still be open; everything of ours is closed by now.
process.exit(await main())
