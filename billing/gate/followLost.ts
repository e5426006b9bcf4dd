import { groupBy } from '../deposits/groupBy.ts'
import { lostRetryDelayMs } from '../deposits/retryDelay.ts'
import type { GateChain, GateDeps, OpenDeposit } from './gateDeps.ts'
import { moveDeposit } from './moveDeposit.ts'
import { orphanDeposits } from './orphanDeposits.ts'
import { postponeDeposits } from './postponeDeposits.ts'

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
