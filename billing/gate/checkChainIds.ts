import { readChainId } from '../chain/readChainId.ts'
import type { RpcEndpoint } from '../chain/rpc/rpcEndpoint.ts'
import type { Sql } from '../database/connect.ts'

/**
 * Finds an RPC that was set for the wrong chain, before anything is recorded for that chain: one sentence that names it, or
 * null. Once the service has worked on a chain, a wrong answer is the provider's fault and not the setting's: it is then an
 * alarm of the gate, which credits nothing from it, and no reason to refuse a restart.
 */
export async function checkChainIds(
  sql: Sql,
  endpoints: ReadonlyMap<number, RpcEndpoint[]>,
): Promise<string | null> {
  const known = await sql<{ chainId: bigint }[]>`select chain_id as "chainId" from credits.chain_status`
  const worked = new Set(known.map(({ chainId }) => Number(chainId)))
  for (const [chainId, ofChain] of endpoints) {
    if (worked.has(chainId)) continue
    for (const endpoint of ofChain) {
      const answered = await readChainId(endpoint).catch(() => null)
      if (answered !== null && answered !== chainId) {
        return `RPC_URL_${chainId}: ${endpoint.label} answers for chain ${answered}, not ${chainId}`
      }
    }
  }
  return null
}
