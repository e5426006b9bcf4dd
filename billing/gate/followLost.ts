import { moveDeposit, orphanDeposits, postponeDeposits } from '../deposits/changeDeposits.ts'
import { groupBy, type OpenDeposit } from '../deposits/deposit.ts'
import { lostRetryDelayMs } from '../deposits/retryDelay.ts'
import { selectLost } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/**
 * Resolves deposits whose block no longer stands before they are credited: follows each transaction to the block it is in
 * now, or marks its deposits orphaned when it is in none. While the RPCs give no clear answer, the deposits wait.
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
      const retryAt = new Date(deps.clock().getTime() + lostRetryDelayMs(0))
      const events = await orphanDeposits(
        deps.sql,
        group.map((deposit) => ({ deposit, retryAt })),
      )
      for (const event of events) deps.report(event)
    } else if (located.value.blockHash === first.blockHash) {
      // The reorg was undone between two requests.
      await postponeDeposits(deps.sql, group, deps.clock())
    } else {
      for (const deposit of group) await moveDeposit(deps.sql, deposit, located.value)
    }
  }
}

const MAX_LOST_PER_PASS = 100

/**
 * Searches the chain again for orphaned and reversed deposits: a transaction that a reorg dropped often comes back. Once
 * found, in whatever block, the deposit is pending there. Otherwise the search is repeated at growing intervals, and never
 * ends: the RPCs may have been wrong all the time.
 */
export async function searchLost(deps: GateDeps, chain: GateChain): Promise<void> {
  const lost = await selectLost(deps.sql, {
    chainId: chain.chainId,
    now: deps.clock(),
    limit: MAX_LOST_PER_PASS,
  })
  for (const deposit of lost) {
    const located = await chain.reader.locate(deposit.txHash)
    if (located.kind === 'agreed' && located.value?.succeeded)
      await moveDeposit(deps.sql, deposit, located.value)
    else await postponeSearch(deps, deposit)
  }
}

async function postponeSearch(deps: GateDeps, deposit: OpenDeposit): Promise<void> {
  const retryAt = new Date(deps.clock().getTime() + lostRetryDelayMs(deposit.failures + 1))
  await deps.sql`
    update credits.deposit set failures = failures + 1, retry_at = ${retryAt}
    where id = ${deposit.id} and state = ${deposit.state}`
}
