import type { GateChain, GateDeps } from './gateDeps.ts'
import { rescan } from './rescan.ts'

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
