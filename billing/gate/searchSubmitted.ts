import type { Hash } from 'viem'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { recordTransaction } from './submittedTransactions.ts'

const SUBMITTED_AT_ONCE = 50

/** How long a transaction may stay unmined before it is no longer looked for; it can be submitted again. */
const SEARCH_HOURS = 24

/** Looks for submitted transactions that were not mined yet, so that they need no row from the indexer. */
export async function searchSubmitted(deps: GateDeps, chain: GateChain): Promise<void> {
  const { sql } = deps
  const submitted = await sql<{ txHash: Hash }[]>`
    select tx_hash as "txHash" from credits.submitted_transaction
    where chain_id = ${chain.chainId} and retry_at <= now()
    order by retry_at limit ${SUBMITTED_AT_ONCE}`
  for (const { txHash } of submitted) {
    const recorded = await recordTransaction(deps, chain, txHash)
    if (recorded.kind === 'unmined' || recorded.kind === 'unknown') {
      // Later and later: an hour after its submission, every minute or so.
      await sql`
        update credits.submitted_transaction
        set retry_at = now() + greatest(interval '2 seconds', (now() - submitted_at) / 60)
        where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    } else {
      await sql`
        delete from credits.submitted_transaction where chain_id = ${chain.chainId} and tx_hash = ${txHash}`
    }
  }
  await sql`
    delete from credits.submitted_transaction
    where chain_id = ${chain.chainId} and submitted_at < now() - make_interval(hours => ${SEARCH_HOURS})`
}
