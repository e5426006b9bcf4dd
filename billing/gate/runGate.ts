import type { Address } from 'viem'
import { createWaker } from '../clock/createWaker.ts'
import { insertDepositHeld } from '../events/outbox.ts'
import type { GateDeps } from './gateDeps.ts'
import { besidePasses } from './jobs/runJobs.ts'
import { INDEXER_VIEWS } from './readCandidates.ts'
import { runPass } from './runPass.ts'

/** Failed passes in a row double the pause between passes, up to this many times… */
const MAX_DOUBLINGS = 4
/** …and up to this pause, unless the timer's interval is longer. */
const MAX_PAUSE_MS = 5_000

/** A trace may take half a minute; a stop does not wait for it. */
const JOBS_PATIENCE_MS = 3_000

export interface GateOptions {
  revenueWallet: Address
  /** The safety-net timer: the longest time between two passes while all is well. */
  pollIntervalMs: number
  /** Ends the gate between two passes. */
  stop: AbortSignal
}

/**
 * Runs the gate over all chains until stopped. Each chain has its own loop, so one whose RPC hangs delays no other. A pass
 * begins when the indexer announces a block and, as a safety net, on a timer; passes of one chain never overlap. A pass that
 * fails is reported and retried with growing pauses.
 */
export async function runGate(
  deps: GateDeps,
  { revenueWallet, pollIntervalMs, stop }: GateOptions,
): Promise<void> {
  await reviewSettings(deps)
  const wakers = [...deps.chains.values()].map(() => createWaker())
  // Ponder notifies in the transaction that writes the block's rows, so they are there when we look.
  const listening = await deps.sql.listen(`${INDEXER_VIEWS}_live_query`, () => {
    for (const waker of wakers) waker.wake()
  })
  try {
    await Promise.all(
      [...deps.chains.values()].map(async (chain, index) => {
        const waker = wakers[index]
        if (waker === undefined) throw new Error('a chain has no waker')
        const jobs = besidePasses()
        for (let failures = 0; !stop.aborted; ) {
          const passed = await runPass(deps, chain, revenueWallet, jobs.start).catch((error: unknown) => {
            deps.report({ kind: 'failed', chainId: chain.chainId, error })
            return false
          })
          failures = passed ? 0 : failures + 1
          const pauseMs = Math.min(
            pollIntervalMs * 2 ** Math.min(failures, MAX_DOUBLINGS),
            Math.max(MAX_PAUSE_MS, pollIntervalMs),
          )
          await waker.sleep(pauseMs, stop)
        }
        await jobs.settled(JOBS_PATIENCE_MS)
      }),
    )
  } finally {
    await listening.unlisten().catch(() => {})
  }
}

/**
 * Brings open deposits in line with the settings that the gate starts with. Idempotent.
 *
 * Those of a rail that is off wait for it, also where its whole chain is gone from the settings and no pass would look at
 * them. Those that waited for a setting are looked at again at once. And rows of before 0.2, which did not keep under what
 * they were seen, are taken to be seen under the present settings.
 */
export async function reviewSettings({ sql, rails, chains }: GateDeps): Promise<void> {
  const enabled = [...rails.keys()]
  await sql`
    with before as (
      select id, reason from credits.deposit
      where not (rail = any(${enabled}::text[]))
        and (state = 'rejected' or (state in ('pending', 'held') and reason is distinct from 'rail_disabled'))
      order by id for update
    ), held as (
      update credits.deposit d
      set state = 'held', reason = 'rail_disabled', detail = d.rail || ' is not in RAILS', failures = 0,
        retry_at = now(), updated_at = now()
      from before where d.id = before.id
      returning d.id, d.payer, d.rail, d.tx_hash, d.amount_base_units, d.reason
    )
    ${insertDepositHeld(sql, sql`held`)}`
  await sql`
    update credits.deposit set state = 'held', retry_at = now(), failures = 0
    where state = 'rejected' or (state = 'held' and reason in ('rail_disabled', 'setup_changed'))`
  for (const { config } of rails.values()) {
    const chain = chains.get(config.chainId)
    if (chain === undefined) continue
    await sql`
      update credits.deposit
      set seen_wallet = ${chain.setup.wallet}, seen_token = ${config.token},
        seen_by = ${config.asset === 'eth' ? chain.setup.ethDetection : 'logs'}
      where rail = ${config.rail} and seen_wallet is null
        and (state in ('pending', 'held', 'orphaned', 'reversed') or (state = 'credited' and not final))`
  }
}
