import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import { createApp } from './api/createApp.ts'
import { type Serving, serve } from './api/serve.ts'
import { aborted, pause } from './clock/createWaker.ts'
import type { Config } from './config/config.ts'
import { formatFaults, parseSettings } from './config/parseSettings.ts'
import { connect, isHangUp, type Sql } from './database/connect.ts'
import { migrate } from './database/migrate.ts'
import { openDepositProgress } from './deposits/openDepositProgress.ts'
import { openEventFeed } from './events/openEventFeed.ts'
import { runPublisher } from './events/runPublisher.ts'
import { webhookEndpointId } from './events/webhooks/postWebhook.ts'
import { type OpenGateResult, openGate } from './gate/open/openGate.ts'
import { createMetrics, type Metrics } from './health/createMetrics.ts'
import { readGauges } from './health/readGauges.ts'
import { createLogger } from './log/createLogger.ts'
import { loggableError } from './log/loggableError.ts'
import { runMeteringClock } from './metering/runMetering.ts'
import { runWorker } from './runWorker.ts'
import { appDeps, confirmationsOf } from './wireApi.ts'

/** EX_CONFIG of sysexits.h: starting again will not help until a setting is changed. */
const EXIT_WRONG_SETTING = 78

/** How long the RPCs may be away at a first start before the process gives up and is started anew. */
const MAX_FIRST_START_WAIT_MS = 60_000
const FIRST_START_RETRY_MS = 1_000

type Role = 'all' | 'api' | 'worker'

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
  const stop = stopSignal(logger)
  const sql = connect(config.databaseUrl, { max: 20 })
  try {
    await migrate(config.databaseUrl)
    return await run(role, config, config.databaseUrl, sql, logger, stop)
  } catch (error) {
    logger.fatal({ error: loggableError(error, config) }, 'billing cannot go on')
    return 1
  } finally {
    await sql.end({ timeout: 2 })
  }
}

function readRole(): Role {
  const { values } = parseArgs({ options: { role: { type: 'string', default: 'all' } } })
  if (values.role === 'api' || values.role === 'worker') return values.role
  return 'all'
}

/** Aborted by SIGINT, SIGTERM, or the end of the process that started this one. */
function stopSignal(logger: Logger): AbortSignal {
  const controller = new AbortController()
  const stop = (why: string) => {
    if (!controller.signal.aborted) logger.info({ why }, 'billing stops')
    controller.abort()
  }
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGTERM', () => stop('SIGTERM'))
  if (process.connected) process.on('disconnect', () => stop('the supervisor is gone'))
  return controller.signal
}

async function run(
  role: Role,
  config: Config,
  databaseUrl: string,
  sql: Sql,
  logger: Logger,
  stop: AbortSignal,
): Promise<number> {
  const chainIds = config.chains.map(({ chainId }) => chainId)
  const metrics = createMetrics(() => readGauges(sql, chainIds))
  const gate = await openGatePatiently(config, sql, { logger, metrics }, stop)
  if (gate.kind === 'stopped') return 0
  if (gate.kind === 'wrong') {
    process.stderr.write(`1 setting is wrong:\n  ${gate.detail}\n`)
    return EXIT_WRONG_SETTING
  }
  if (gate.kind === 'unavailable') {
    logger.error({ why: gate.detail }, 'the chain cannot be read; trying again')
    return 1
  }
  const tell = (what: string) => (error: unknown) =>
    logger.error({ error: loggableError(error, config) }, what)
  const endpointId = config.webhook === null ? null : webhookEndpointId(config.webhook.url)
  const running = [runPublisher(sql, { endpointId, stop, onProblem: tell('events could not be published') })]
  let serving: Serving | null = null
  if (role !== 'worker') {
    const time = await runMeteringClock(sql, { stop, onProblem: tell('the metering clock does not tick') })
    running.push(time.stopped)
    const feed = await openEventFeed(sql, { stop, onProblem: tell('events could not be read') })
    const progress = await openDepositProgress(sql, {
      confirmationsRequired: confirmationsOf(gate),
      stop,
      onProblem: tell('pending deposits could not be followed'),
    })
    running.push(feed.over, progress.over)
    const app = createApp(appDeps(config, sql, { gate, feed, progress, logger, metrics }))
    serving = await serve(app, { host: config.host, port: config.port })
    logger.info({ url: serving.url }, 'billing serves')
  }
  if (role !== 'api') await runWorker({ gate: gate.deps, config, databaseUrl, logger }, stop)
  else await aborted(stop)
  await serving?.close()
  await Promise.all(running)
  return 0
}

async function openGatePatiently(
  config: Config,
  sql: Sql,
  observers: { logger: Logger; metrics: Metrics },
  stop: AbortSignal,
): Promise<OpenGateResult | { kind: 'stopped' }> {
  const until = performance.now() + MAX_FIRST_START_WAIT_MS
  let told = false
  for (;;) {
    const gate = await openGate(config, sql, observers)
    if (gate.kind !== 'unavailable' || performance.now() > until) return gate
    if (!told) observers.logger.warn({ why: gate.detail }, 'waiting for the chain')
    told = true
    await pause(FIRST_START_RETRY_MS, stop)
    if (stop.aborted) return { kind: 'stopped' }
  }
}

// Sockets of an RPC (WebSocket) may still be open; everything of ours is closed by now.
process.exit(await main())
