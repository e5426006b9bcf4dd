import type { Head } from '../chain/readHead.ts'
import type { Sql } from '../database/connect.ts'
import type { GateChain } from './gateDeps.ts'

/**
 * Records what the gate knows about a chain, by which confirmations are counted and health is judged. A new head is
 * announced on the channel `credits_heads`.
 */
export async function writeStatus(
  sql: Sql,
  { chainId, setup }: Pick<GateChain, 'chainId' | 'setup'>,
  head: Head,
): Promise<void> {
  await sql`
    with before as (
      select head_hash from credits.chain_status where chain_id = ${chainId}
    ), written as (
      insert into credits.chain_status as s
        (chain_id, head_number, head_hash, head_timestamp, head_changed_at, finalized_number, passed_at, problem,
          eth_detection)
      values (${chainId}, ${head.number.toString()}, ${head.hash}, ${new Date(Number(head.timestamp) * 1000)}, now(),
        ${head.finalizedNumber.toString()}, now(), null, ${setup.ethDetection})
      on conflict (chain_id) do update set
        head_number = excluded.head_number, head_hash = excluded.head_hash, head_timestamp = excluded.head_timestamp,
        head_changed_at = case when s.head_hash = excluded.head_hash then s.head_changed_at else now() end,
        finalized_number = excluded.finalized_number, passed_at = now(), problem = null,
        eth_detection = excluded.eth_detection
      returning head_hash
    )
    select pg_notify('credits_heads', '') from written
    where head_hash is distinct from (select head_hash from before)`
}

/** Records why a pass failed; the head stays the last one known. */
export async function writeProblem(sql: Sql, chainId: number, problem: string): Promise<void> {
  await sql`update credits.chain_status set problem = ${problem} where chain_id = ${chainId}`
}

/** Records what the jobs beside the passes could not do; null: they work. */
export async function writeJobProblem(sql: Sql, chainId: number, problem: string | null): Promise<void> {
  await sql`
    update credits.chain_status set job_problem = ${problem}
    where chain_id = ${chainId} and job_problem is distinct from ${problem}`
}
