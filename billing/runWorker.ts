import type { Logger } from 'pino'
import { runSignInPurge } from './auth/challenges.ts'
import { aborted } from './clock/createWaker.ts'
import type { Config } from './config/config.ts'
import { electLeader } from './database/electLeader.ts'
import { runForgetting } from './events/forgetEvents.ts'
import { runWebhooks, type WebhookReport } from './events/webhooks/runWebhooks.ts'
import type { GateDeps } from './gate/gateDeps.ts'
import { runGate } from './gate/runGate.ts'
import { loggableError } from './log/loggableError.ts'
import { storageRate } from './metering/accrueStorage.ts'
import { meterLimits } from './metering/meterSessions.ts'
import { runMetering } from './metering/runMetering.ts'

/** What the worker works with. `databaseUrl`: the leader's lock needs a connection of its own. */
export interface WorkerDeps {
  gate: GateDeps
  config: Config
  databaseUrl: string
  logger: Logger
}

/**
 * Runs the worker until stopped: while this process leads, it credits deposits, meters sessions, sends webhooks and deletes
 * what has expired. If one of these stops with an error, all are stopped and a leader is elected anew.
 */
export async function runWorker(
  { gate, config, databaseUrl, logger }: WorkerDeps,
  stop: AbortSignal,
): Promise<void> {
  const tell = (error: unknown, what: string) => logger.error({ error: loggableError(error, config) }, what)
  const { sql } = gate
  while (!stop.aborted) {
    const leadership = await electLeader(databaseUrl, stop)
    if (leadership === null) return
    logger.info('this worker gates')
    try {
      const over = AbortSignal.any([stop, leadership.signal])
      await Promise.all([
        runGate(gate, {
          revenueWallet: config.revenueWallet,
          pollIntervalMs: config.pollIntervalMs,
          stop: over,
        }),
        runMetering(sql, {
          limits: meterLimits(config),
          rate: storageRate(config),
          chainIds: config.chains.map(({ chainId }) => chainId),
          stop: over,
          onProblem: (what, error) => tell(error, what),
        }),
        runSignInPurge(sql, {
          stop: over,
          onProblem: (error) => tell(error, 'expired sign-ins could not be purged'),
        }),
        runForgetting(sql, {
          keepDays: config.eventRetentionDays,
          stop: over,
          onProblem: (error) => tell(error, 'old events could not be deleted'),
        }),
        config.webhook === null
          ? aborted(over)
          : runWebhooks(sql, {
              target: config.webhook,
              stop: over,
              report: reportWebhooks(config, logger),
            }),
      ])
    } catch (error) {
      tell(error, 'the gate stopped; it is started again')
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
