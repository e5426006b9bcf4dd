import { deepestBlock, type Head } from '../chain/readHead.ts'
import { recordSeen } from '../deposits/recordSeen.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/** Blocks asked for with one eth_getLogs; what every provider serves. */
const TOKEN_BLOCKS_AT_ONCE = 500n

export interface RescanRange {
  chainId: number
  fromBlock: bigint
  /** Inclusive. */
  toBlock: bigint
  /** Whether ETH is looked for too: costs two requests a block. */
  ether: boolean
  onProgress?: (progress: { block: bigint; found: number; recorded: number }) => void
}

/**
 * Looks through blocks on the RPCs, without the indexer, and records what pays the wallet as pending; the gate proves and
 * credits it as any other. Idempotent: what is recorded stays as it is. Throws when a chain is not configured or no RPC
 * answers; it may be run again from where it was.
 */
export async function rescan(
  deps: GateDeps,
  range: RescanRange,
): Promise<{ found: number; recorded: number }> {
  const chain = deps.chains.get(range.chainId)
  if (chain === undefined) throw new Error(`chain ${range.chainId} is not configured (RAILS)`)
  let found = 0
  let recorded = 0
  const step = range.ether ? 25n : TOKEN_BLOCKS_AT_ONCE
  for (let fromBlock = range.fromBlock; fromBlock <= range.toBlock; fromBlock += step) {
    const last = fromBlock + step - 1n
    const toBlock = last < range.toBlock ? last : range.toBlock
    const transfers = await chain.reader.findTransfers({ fromBlock, toBlock, ether: range.ether })
    const timestamps = await readTimestamps(chain, new Set(transfers.map(({ blockNumber }) => blockNumber)))
    found += transfers.length
    recorded += await recordSeen(
      deps.sql,
      transfers.map((transfer) => ({
        ...transfer,
        chainId: range.chainId,
        blockTimestamp: timestamps.get(transfer.blockNumber) ?? deps.clock(),
      })),
    )
    range.onProgress?.({ block: toBlock, found, recorded })
  }
  return { found, recorded }
}

async function readTimestamps(chain: GateChain, blockNumbers: Set<bigint>): Promise<Map<bigint, Date>> {
  const timestamps = new Map<bigint, Date>()
  for (const blockNumber of blockNumbers) {
    const timestamp = await chain.reader.readTimestamp(blockNumber)
    if (timestamp !== null) timestamps.set(blockNumber, new Date(Number(timestamp) * 1000))
  }
  return timestamps
}

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
