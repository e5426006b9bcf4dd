import type { Agreed } from '../chain/rpc/agree.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { priceRail } from '../pricing/priceRail.ts'
import type { GateDeps, GateRail } from './gateDeps.ts'
import { readLastAccepted } from './readLastAccepted.ts'

/**
 * Finds the price for a payment whose own block has none that can be trusted: that of the first block after it that has
 * one, found by halving the stretch up to the newest block that is deep enough. Which block that is depends on the chain
 * alone (where the source failed and recovered several times, on one of the recoveries), not on when it is looked for by
 * more than that. Null while even the newest block has no usable price, or the chain can not be read.
 *
 * Costs one look while the source is down, and log2 of the blocks in between when it is back.
 */
export async function findLaterPrice(
  { sql, pricing }: Pick<GateDeps, 'sql' | 'pricing'>,
  rail: GateRail,
  { unusableBlock, deepestBlock }: { unusableBlock: bigint; deepestBlock: bigint },
  readOracle: (blockNumber: bigint) => Promise<Agreed<OracleReading> | null>,
): Promise<OracleReading | null> {
  const { asset } = rail.config
  const isUsable = async (oracle: OracleReading) => {
    const lastAccepted = asset === 'axgt' ? await readLastAccepted(sql, rail.config.rail, oracle.block) : null
    return priceRail({ pricing, asset, oracle, lastAccepted, acceptDeviation: false }).kind === 'priced'
  }
  if (deepestBlock <= unusableBlock) return null
  const newest = await readOracle(deepestBlock)
  if (newest?.kind !== 'agreed' || !(await isUsable(newest.value))) return null
  let usable = newest.value
  let unusable = unusableBlock
  while (usable.block.number - unusable > 1n) {
    const middle = await readOracle((usable.block.number + unusable) / 2n)
    if (middle?.kind !== 'agreed') return null
    if (await isUsable(middle.value)) usable = middle.value
    else unusable = middle.value.block.number
  }
  return usable
}
