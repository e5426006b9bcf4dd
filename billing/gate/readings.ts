import type { Hash } from 'viem'
import type { ProvenTransfer } from '../chain/proof/transfers.ts'
import type { Asset } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import { railOf, type SeenUnder } from '../deposits/deposit.ts'
import type { SeenDeposit } from '../deposits/recordSeen.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'

/** Under what a payment of this asset is seen on a chain now. */
export function underNow(
  deps: Pick<GateDeps, 'rails'>,
  { chainId, setup }: GateChain,
  asset: Asset,
): SeenUnder {
  const token = deps.rails.get(railOf(asset, chainId))?.config.token ?? null
  return { wallet: setup.wallet, token, by: asset === 'eth' ? setup.ethDetection : 'logs' }
}

/** What one transaction of a block was seen to pay, as it is recorded. `timestamp` in seconds. */
export function seenOf(
  deps: Pick<GateDeps, 'rails'>,
  chain: GateChain,
  {
    transfers,
    timestamp,
    ...place
  }: { txHash: Hash; transfers: ProvenTransfer[]; blockNumber: bigint; blockHash: Hash; timestamp: bigint },
): SeenDeposit[] {
  return transfers.map((transfer) => ({
    ...transfer,
    ...place,
    chainId: chain.chainId,
    blockTimestamp: new Date(Number(timestamp) * 1000),
    under: underNow(deps, chain, transfer.asset),
  }))
}

/** Notes transactions of which every payment was read, and that it was now. A stronger way is not replaced by a weaker one. */
export async function noteWholeReadings(
  sql: Sql,
  { chainId, setup }: GateChain,
  transactions: { txHash: Hash; blockHash: Hash }[],
): Promise<void> {
  if (transactions.length === 0) return
  const rows = transactions.map(({ txHash, blockHash }) => ({ tx_hash: txHash, block_hash: blockHash }))
  await sql`
    insert into credits.read_transaction as r (chain_id, tx_hash, block_hash, seen_by)
    select distinct ${chainId}::bigint, tx_hash, block_hash, ${setup.ethDetection}
    from jsonb_to_recordset(${sql.json(rows)}) as row (tx_hash text, block_hash text)
    order by tx_hash
    on conflict (chain_id, tx_hash) do update
    set block_hash = excluded.block_hash, seen_by = excluded.seen_by, read_at = now()
    where r.block_hash <> excluded.block_hash or r.seen_by = 'transactions' or excluded.seen_by = 'traces'`
}

/**
 * Whether every payment of a transaction was read where it is now, by the strongest way that the chain offers now: that of
 * the process that makes the gate's passes. Another whose own RPCs are weaker has not read the whole.
 *
 * @param maxAgeSeconds the reading must not be older, by the clock of the database that dated it; by default it may be of
 * any age.
 */
export async function isWhollyRead(
  sql: Sql,
  { chainId, setup }: GateChain,
  txHash: Hash,
  maxAgeSeconds: number | null = null,
): Promise<boolean> {
  const rows = await sql`
    select from credits.read_transaction r
    where r.chain_id = ${chainId} and r.tx_hash = ${txHash}
      and (${maxAgeSeconds}::int is null or r.read_at >= now() - make_interval(secs => ${maxAgeSeconds}::int))
      and (r.seen_by = 'traces' or (${setup.ethDetection} = 'transactions' and not exists (
        select from credits.chain_status s where s.chain_id = r.chain_id and s.eth_detection = 'traces')))
      and not exists (
        select from credits.deposit d
        where d.chain_id = r.chain_id and d.tx_hash = r.tx_hash and d.block_hash <> r.block_hash)`
  return rows.length > 0
}
