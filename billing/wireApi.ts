import type { Logger } from 'pino'
import type { AppDeps } from './api/appDeps.ts'
import { builtPanelFolder, openPanelFiles } from './api/routes/panelFiles.ts'
import { createSignIn, type SignIn } from './auth/createSignIn.ts'
import { readWalletToken } from './auth/walletTokens.ts'
import type { Config } from './config/config.ts'
import type { Sql } from './database/connect.ts'
import { type ConfirmationsRequired, listDeposits, readDeposits } from './deposits/depositViews.ts'
import type { DepositProgress } from './deposits/openDepositProgress.ts'
import { createDesk } from './desk/createDesk.ts'
import { createQuoter } from './desk/createQuoter.ts'
import type { EventFeed } from './events/openEventFeed.ts'
import type { OpenedGate } from './gate/open/openGate.ts'
import type { Metrics } from './health/createMetrics.ts'
import { readHealth } from './health/readHealth.ts'
import { adjust } from './ledger/adjust.ts'
import { listEntries } from './ledger/listEntries.ts'
import { storageRate } from './metering/accrueStorage.ts'
import { createBatches, createBeats } from './metering/createBeats.ts'
import { meterLimits, meterSessions } from './metering/meterSessions.ts'
import { readAccount } from './metering/readAccount.ts'
import { listSessions, startSession } from './metering/sessions.ts'
import { deleteVolume, putVolume, readVolume } from './metering/volumes.ts'
import { listPrices } from './prices/priceHistory.ts'
import { sourceOf } from './pricing/priceRail.ts'
import { undiscountedMinimum } from './pricing/quote.ts'

/** What the API is wired from, beside settings and database. */
export interface ApiParts {
  gate: OpenedGate
  feed: EventFeed
  progress: DepositProgress
  logger: Logger
  metrics: Metrics
}

/** Wires the API: hands it everything it may ask or change. The HTTP side itself holds no SQL and reads no chain. */
export function appDeps(
  config: Config,
  sql: Sql,
  { gate, feed, progress, logger, metrics }: ApiParts,
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

/** The confirmations that deposits need, by chain; 0 for a chain that is no longer configured. */
export function confirmationsOf(gate: OpenedGate): ConfirmationsRequired {
  return (chainId) => gate.deps.chains.get(chainId)?.confirmations ?? 0
}

function signInOf({ publicUrl }: Config, sql: Sql, gate: OpenedGate): SignIn {
  return createSignIn(sql, {
    publicUrl,
    checkSignature: async (chainId, question) => {
      const chain = gate.deps.chains.get(chainId)
      // The challenge was issued while the chain was still configured.
      if (chain === undefined) return { kind: 'unavailable', detail: `chain ${chainId} is not configured` }
      return chain.reader.checkSignature(question)
    },
  })
}
