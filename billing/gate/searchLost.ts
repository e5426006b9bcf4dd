import { lostRetryDelayMs } from '../deposits/retryDelay.ts'
import { selectLost } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps, OpenDeposit } from './gateDeps.ts'
import { moveDeposit } from './moveDeposit.ts'

const LOST_AT_ONCE = 100

/**
 * Looks for orphaned and reversed deposits in the chain again: a transaction that a reorg dropped often comes back. Found,
 * the deposit is pending in its new block; not found, it is looked for later and later, and in the end no more (the
 * indexer or a submission can still bring it back).
 */
export async function searchLost(deps: GateDeps, chain: GateChain): Promise<void> {
  const lost = await selectLost(deps.sql, {
    chainId: chain.chainId,
    now: deps.clock(),
    limit: LOST_AT_ONCE,
  })
  for (const deposit of lost) {
    const located = await chain.reader.locate(deposit.txHash)
    if (located.kind === 'agreed' && located.value?.succeeded)
      await moveDeposit(deps.sql, deposit, located.value)
    else await postponeSearch(deps, deposit)
  }
}

async function postponeSearch(deps: GateDeps, deposit: OpenDeposit): Promise<void> {
  const delayMs = lostRetryDelayMs(deposit.failures + 1)
  const retryAt = delayMs === null ? null : new Date(deps.clock().getTime() + delayMs)
  await deps.sql`
    update credits.deposit set failures = failures + 1, retry_at = ${retryAt}
    where id = ${deposit.id} and state = ${deposit.state}`
}
