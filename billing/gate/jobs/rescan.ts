import type { UntracedTransaction } from '../../chain/proof/findEther.ts'
import { deepestBlock, type Head } from '../../chain/readHead.ts'
import { recordSeen } from '../../deposits/recordSeen.ts'
import type { GateChain, GateDeps } from '../gateDeps.ts'
import { underNow } from '../readings.ts'
import { noteUntraced } from './searchUntraced.ts'

/** Blocks in one eth_getLogs request; every provider serves this many. */
const MAX_BLOCKS_PER_LOGS_REQUEST = 500n
/** Blocks in one step when ETH is searched for too: each costs two requests. */
const MAX_ETHER_BLOCKS_PER_STEP = 25n

export interface RescanRange {
  chainId: number
  fromBlock: bigint
  /** Inclusive. */
  toBlock: bigint
  /** Whether to search for token transfers; unless told, yes. */
  tokens?: boolean
  /**
   * Whether to search for ETH too, at a cost of two requests per block. `transactions`: what transactions pay by their own
   * value only, at a cost of one.
   */
  ether: boolean | 'transactions'
  onProgress?: (progress: { block: bigint; found: number; recorded: number }) => void
}

/**
 * Searches blocks on the RPCs, without the indexer, and records payments to the wallet as pending; the gate proves and
 * credits them like any other. Idempotent: what is recorded stays as it is. Throws when the chain is not configured or no
 * RPC answers; it can be resumed at the block where it stopped.
 */
export async function rescan(
  deps: GateDeps,
  range: RescanRange,
): Promise<{ found: number; recorded: number }> {
  const chain = deps.chains.get(range.chainId)
  if (chain === undefined) throw new Error(`chain ${range.chainId} is not configured (RAILS)`)
  let found = 0
  let recorded = 0
  const step = range.ether ? MAX_ETHER_BLOCKS_PER_STEP : MAX_BLOCKS_PER_LOGS_REQUEST
  for (let fromBlock = range.fromBlock; fromBlock <= range.toBlock; fromBlock += step) {
    const last = fromBlock + step - 1n
    const toBlock = last < range.toBlock ? last : range.toBlock
    const untraced: UntracedTransaction[] = []
    const transfers = await chain.reader.findTransfers({
      fromBlock,
      toBlock,
      ether: range.ether,
      onUntraced: (found) => untraced.push(...found),
      ...(range.tokens === undefined ? {} : { tokens: range.tokens }),
    })
    await noteUntraced(deps.sql, range.chainId, untraced)
    const timestamps = await readTimestamps(chain, new Set(transfers.map(({ blockNumber }) => blockNumber)))
    found += transfers.length
    recorded += await recordSeen(
      deps.sql,
      transfers.map((transfer) => ({
        ...transfer,
        under: { ...underNow(deps, chain, transfer.asset), by: transfer.by },
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

/** A sweep reaches no further back: after a long outage the indexer, or an operator's rescan, finds what is missing. */
const MAX_SWEEP_BLOCKS = 5_000n
/** One request covers many blocks, so a sweep waits until this many are there. */
const MIN_SWEEP_BLOCKS = 8n

/**
 * Searches for token transfers that the indexer never saw: an RPC that once answered with empty logs leaves a gap that
 * nothing else would notice. All RPCs are asked, one request each for every few blocks, and what any of them shows is
 * recorded. ETH is not swept: providers lose logs, whereas of a block's traces or transactions it is known when they are
 * missing ({@link noteUntraced}).
 *
 * Its progress is kept in the database. The first sweep begins at the head, since the indexer covers the past.
 */
export async function sweepTokens(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const { sql } = deps
  const { chainId } = chain
  const toBlock = deepestBlock(head, chain.confirmations)
  if (toBlock < 0n) return
  const [row] = await sql<{ sweptNumber: bigint | null }[]>`
    select swept_number as "sweptNumber" from credits.chain_status where chain_id = ${chainId}`
  const swept = row?.sweptNumber ?? null
  if (swept !== null && toBlock - swept < MIN_SWEEP_BLOCKS) return
  if (swept !== null) {
    const oldest = toBlock - MAX_SWEEP_BLOCKS
    const fromBlock = swept + 1n > oldest ? swept + 1n : oldest
    await rescan(deps, { chainId, fromBlock, toBlock, ether: false })
  }
  await sql`update credits.chain_status set swept_number = ${toBlock.toString()} where chain_id = ${chainId}`
}

/**
 * Searches blocks again, by other requests than a proof makes, in which more was paid than was seen: where those show it
 * too, it is seen. Until then nothing is credited that only a receipt or a trace says. Idempotent.
 */
export async function sightAgain(deps: GateDeps, { chainId }: GateChain): Promise<void> {
  const blocks = deps.sightAgain.get(chainId)
  for (const block of blocks ?? []) {
    await rescan(deps, { chainId, fromBlock: block, toBlock: block, ether: true })
    blocks?.delete(block)
  }
}
