import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import type { AppDeps } from './api/appDeps.ts'
import { createApp } from './api/createApp.ts'
import { builtPanelFolder, openPanelFiles } from './api/routes/panelFiles.ts'
import { type Serving, serve } from './api/serve.ts'
import { createSignIn, type SignIn } from './auth/createSignIn.ts'
import { runSignInPurge } from './auth/runSignInPurge.ts'
import { readWalletToken } from './auth/walletTokens.ts'
import type { Config } from './config/config.ts'
import { formatFaults, parseSettings } from './config/parseSettings.ts'
import { connect, isHangUp, type Sql } from './database/connect.ts'
import { electLeader } from './database/electLeader.ts'
import { migrate } from './database/migrate.ts'
import { type ConfirmationsRequired, listDeposits, readDeposits } from './deposits/depositViews.ts'
import { type DepositProgress, openDepositProgress } from './deposits/openDepositProgress.ts'
import { createDesk } from './desk/createDesk.ts'
import { createQuoter } from './desk/createQuoter.ts'
import { runForgetting } from './events/forgetEvents.ts'
import { type EventFeed, openEventFeed } from './events/openEventFeed.ts'
import { runPublisher } from './events/runPublisher.ts'
import { runWebhooks, type WebhookReport } from './events/webhooks/runWebhooks.ts'
import { webhookEndpointId } from './events/webhooks/signWebhook.ts'
import type { GateDeps } from './gate/gateDeps.ts'
import { type OpenGateResult, openGate } from './gate/open/openGate.ts'
import { runGate } from './gate/runGate.ts'
import { createMetrics, type Metrics } from './health/createMetrics.ts'
import { readGauges } from './health/readGauges.ts'
import { readHealth } from './health/readHealth.ts'
import { adjust } from './ledger/adjust.ts'
import { listEntries } from './ledger/listEntries.ts'
import { createLogger } from './log/createLogger.ts'
import { loggableError } from './log/loggableError.ts'
import { storageRate } from './metering/accrueStorage.ts'
import { createBatches, createBeats } from './metering/createBeats.ts'
import { meterLimits, meterSessions } from './metering/meterSessions.ts'
import { readAccount } from './metering/readAccount.ts'
import { runMetering } from './metering/runMetering.ts'
import { runMeteringClock } from './metering/runMeteringClock.ts'
import { listSessions, startSession } from './metering/sessions.ts'
import { deleteVolume, putVolume, readVolume } from './metering/volumes.ts'
import { listPrices } from './prices/priceHistory.ts'
import { sourceOf } from './pricing/priceRail.ts'
import { undiscountedMinimum } from './pricing/quote.ts'

/** EX_CONFIG of sysexits.h: starting again will not help until a setting is changed. */
const EXIT_WRONG_SETTING = 78

/** How long the RPCs may be away at a first start before the process gives up and is started anew. */
const FIRST_START_PATIENCE_MS = 60_000
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
    logger.fatal({ error: loggableError(error, config) }, 'billing can not go on')
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
  const metrics = createMetrics(() => readGauges(sql))
  const gate = await openGatePatiently(config, sql, { logger, metrics }, stop)
  if (gate.kind === 'stopped') return 0
  if (gate.kind === 'wrong') {
    process.stderr.write(`1 setting is wrong:\n  ${gate.detail}\n`)
    return EXIT_WRONG_SETTING
  }
  if (gate.kind === 'unavailable') {
    logger.error({ why: gate.detail }, 'the chain can not be read; trying again')
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
  if (role !== 'api') await gateWhileLeading(gate.deps, config, databaseUrl, logger, stop)
  else await aborted(stop)
  await serving?.close()
  await Promise.all(running)
  return 0
}

type OpenedGate = Extract<OpenGateResult, { kind: 'open' }>

async function openGatePatiently(
  config: Config,
  sql: Sql,
  observers: { logger: Logger; metrics: Metrics },
  stop: AbortSignal,
): Promise<OpenGateResult | { kind: 'stopped' }> {
  const until = performance.now() + FIRST_START_PATIENCE_MS
  let told = false
  for (;;) {
    const gate = await openGate(config, sql, observers)
    if (gate.kind !== 'unavailable' || performance.now() > until) return gate
    if (!told) observers.logger.warn({ why: gate.detail }, 'waiting for the chain')
    told = true
    await new Promise((resolve) => setTimeout(resolve, FIRST_START_RETRY_MS))
    if (stop.aborted) return { kind: 'stopped' }
  }
}

/** Gates whenever this process is the leader, until stopped. */
async function gateWhileLeading(
  deps: GateDeps,
  config: Config,
  databaseUrl: string,
  logger: Logger,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const leadership = await electLeader(databaseUrl, stop)
    if (leadership === null) return
    logger.info('this worker gates')
    try {
      const over = AbortSignal.any([stop, leadership.signal])
      await Promise.all([
        runGate(deps, {
          revenueWallet: config.revenueWallet,
          pollIntervalMs: config.pollIntervalMs,
          stop: over,
        }),
        runMetering(deps.sql, {
          limits: meterLimits(config),
          rate: storageRate(config),
          stop: over,
          onProblem: (what, error) => logger.error({ error: loggableError(error, config) }, what),
        }),
        runSignInPurge(deps.sql, {
          stop: over,
          onProblem: (error) =>
            logger.error({ error: loggableError(error, config) }, 'expired sign-ins could not be purged'),
        }),
        runForgetting(deps.sql, {
          keepDays: config.eventRetentionDays,
          stop: over,
          onProblem: (error) =>
            logger.error({ error: loggableError(error, config) }, 'old events could not be deleted'),
        }),
        config.webhook === null
          ? aborted(over)
          : runWebhooks(deps.sql, {
              target: config.webhook,
              stop: over,
              report: reportWebhooks(config, logger),
            }),
      ])
    } catch (error) {
      logger.error({ error: loggableError(error, config) }, 'the gate stopped; it is started again')
    } finally {
      await leadership.release()
    }
  }
}

function reportWebhooks(config: Config, logger: Logger): (report: WebhookReport) => void {
  return (report) => {
    switch (report.kind) {
      case 'disabled':
        logger.error('the webhook receiver answered 410: nothing is sent to it until it is enabled again')
        return
      case 'gave_up':
        logger.error(
          { eventId: report.eventId.toString(), problem: report.problem },
          'a webhook was given up after three days; credits webhooks redeliver sends it again',
        )
        return
      case 'failed':
        logger.error({ error: loggableError(report.error, config) }, 'webhooks could not be delivered')
        return
    }
  }
}

function appDeps(
  config: Config,
  sql: Sql,
  {
    gate,
    feed,
    progress,
    logger,
    metrics,
  }: { gate: OpenedGate; feed: EventFeed; progress: DepositProgress; logger: Logger; metrics: Metrics },
): AppDeps {
  const limits = meterLimits(config)
  const rate = storageRate(config)
  const required = confirmationsOf(gate)
  const rails = [...gate.rails.values()].map(({ config: rail, symbol, decimals }) => ({
    rail: rail.rail,
    asset: rail.asset,
    chainId: rail.chainId,
    token: rail.token,
    symbol,
    decimals,
    minimumBaseUnits: undiscountedMinimum(config.pricing, rail, decimals),
    pricing: sourceOf(config.pricing, rail.asset),
  }))
  return {
    config,
    logger,
    desk: createDesk(gate.deps),
    quoter: createQuoter(gate.deps),
    metering: {
      start: (session) => startSession(sql, limits, session),
      beat: createBeats(sql, limits),
      beatMany: createBatches(sql, limits),
      release: async (id) => (await meterSessions(sql, limits, [id], 'release'))[0] ?? null,
      readAccount: (address) => readAccount(sql, limits, address),
      listSessions: (address, page) => listSessions(sql, { account: address, live: false }, page),
    },
    events: { feed, progress, readDeposits: (ids) => readDeposits(sql, required, { ids }) },
    walletTokens: { addressOf: (token) => readWalletToken(sql, token) },
    signIn: signInOf(config, sql, gate),
    volumes: {
      put: (volume) => putVolume(sql, rate, volume),
      remove: (id) => deleteVolume(sql, rate, id),
      read: (id) => readVolume(sql, rate, id),
    },
    rails: () => rails,
    ledger: {
      listEntries: (address, page) => listEntries(sql, address, page),
      adjust: (input) => adjust(sql, input),
    },
    deposits: {
      listByPayer: (payer, page) => listDeposits(sql, required, { payer, state: null, reason: null }, page),
      listByState: (filter, page) => listDeposits(sql, required, { payer: null, ...filter }, page),
    },
    prices: { list: (filter, page) => listPrices(sql, filter, page) },
    health: {
      read: () =>
        readHealth(
          sql,
          config.chains.map(({ chainId }) => chainId),
        ),
    },
    metrics,
    panel: openPanelFiles(builtPanelFolder),
    indexerUrl: () => config.indexerUrl,
  }
}

function confirmationsOf(gate: OpenedGate): ConfirmationsRequired {
  return (chainId) => gate.deps.chains.get(chainId)?.confirmations ?? 0
}

function signInOf({ publicUrl }: Config, sql: Sql, gate: OpenedGate): SignIn {
  return createSignIn(sql, {
    publicUrl,
    checkSignature: async (chainId, question) => {
      const chain = gate.deps.chains.get(chainId)
      // Given out while the chain was still configured.
      if (chain === undefined) return { kind: 'unavailable', detail: `chain ${chainId} is not configured` }
      return chain.reader.checkSignature(question)
    },
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

// Sockets of an RPC (WebSocket) may still be open; everything of ours is closed by now.
process.exit(await main())
