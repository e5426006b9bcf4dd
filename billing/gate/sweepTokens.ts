import type { Head } from '../chain/readHead.ts'
import { deepestBlock } from './deepestBlock.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { rescan } from './rescan.ts'

/** Blocks behind which a sweep never falls back: a long outage is the indexer's (or an operator's rescan) to make up. */
const SWEEP_AT_MOST = 5_000n
/** One request serves this many blocks, so waiting for them costs nothing. */
const SWEEP_EVERY = 8n

/**
 * Looks for token transfers that the indexer was never shown: an RPC that answered with empty logs once leaves a hole there
 * that nothing else would notice. All RPCs are asked, and what any of them shows is recorded; one request an RPC for every
 * few blocks. ETH is not swept: Ponder refuses a block whose traces or transactions are missing, and logs are what providers lose.
 *
 * Where it has got to is kept in the database; the first sweep begins at the head, since the past is the indexer's.
 */
export async function sweepTokens(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const { sql } = deps
  const { chainId } = chain
  const toBlock = deepestBlock(head, chain.confirmations)
  if (toBlock < 0n) return
  const [row] = await sql<{ sweptNumber: bigint | null }[]>`
    select swept_number as "sweptNumber" from credits.chain_status where chain_id = ${chainId}`
  const swept = row?.sweptNumber ?? null
  if (swept !== null && toBlock - swept < SWEEP_EVERY) return
  if (swept !== null) {
    const oldest = toBlock - SWEEP_AT_MOST
    const fromBlock = swept + 1n > oldest ? swept + 1n : oldest
    await rescan(deps, { chainId, fromBlock, toBlock, ether: false })
  }
  await sql`update credits.chain_status set swept_number = ${toBlock.toString()} where chain_id = ${chainId}`
}
