import { moveDeposit, orphanDeposits, postponeDeposits } from '../deposits/changeDeposits.ts'
import type { OpenDeposit } from '../deposits/deposit.ts'
import { groupBy } from '../deposits/groupBy.ts'
import { lostRetryDelayMs } from '../deposits/retryDelay.ts'
import { selectLost } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/**
 * For deposits not yet credited whose block no longer stands: follows each transaction to the block it is in now, or marks
 * the deposit orphaned when it is in none. While the RPCs do not say, it waits.
 */
export async function resolveLost(deps: GateDeps, chain: GateChain, deposits: OpenDeposit[]): Promise<void> {
  for (const group of groupBy(deposits, ({ txHash }) => txHash).values()) {
    const [first] = group
    if (first === undefined) continue
    const located = await chain.reader.locate(first.txHash)
    if (located.kind !== 'agreed') {
      if (located.kind === 'disagreement') {
        deps.report({ kind: 'disagreement', chainId: chain.chainId, detail: located.detail })
      }
      await postponeDeposits(deps.sql, group, deps.clock())
    } else if (located.value === null) {
      const delayMs = lostRetryDelayMs(0) ?? 0
      const retryAt = new Date(deps.clock().getTime() + delayMs)
      const events = await orphanDeposits(
        deps.sql,
        group.map((deposit) => ({ deposit, retryAt })),
      )
      for (const event of events) deps.report(event)
    } else if (located.value.blockHash === first.blockHash) {
      // The reorg was undone between two questions.
      await postponeDeposits(deps.sql, group, deps.clock())
    } else {
      for (const deposit of group) await moveDeposit(deps.sql, deposit, located.value)
    }
  }
}

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
