import pLimit from 'p-limit'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Decision, OpenDeposit } from '../deposits/deposit.ts'
import { groupBy } from '../deposits/groupBy.ts'
import { readLastAccepted } from '../prices/priceHistory.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { priceRail, sourceOf } from '../pricing/priceRail.ts'
import type { GateChain, GateDeps, GateRail } from './gateDeps.ts'
import { type PlanContext, planDeposit } from './planDeposit.ts'

/** Each block being proven keeps its receipts and traces in memory. */
const MAX_BLOCKS_IN_FLIGHT = 8

/**
 * Proves deposits on the RPCs, block by block, and decides each. Writes nothing.
 *
 * A deposit already held because its block has no usable price is priced at the first later block that has one, up to
 * `deepestBlock`.
 */
export async function proveDeposits(
  deps: GateDeps,
  chain: GateChain,
  deposits: OpenDeposit[],
  deepestBlock: bigint,
): Promise<Decision[]> {
  const limit = pLimit(MAX_BLOCKS_IN_FLIGHT)
  const readOracle = oncePerBlock(chain)
  const decided = await Promise.all(
    [...groupBy(deposits, ({ blockNumber, blockHash }) => `${blockNumber} ${blockHash}`).values()].map(
      (group) => limit(() => proveBlock(deps, chain, group, deepestBlock, readOracle)),
    ),
  )
  return decided.flat()
}

type ReadOracle = GateChain['reader']['readOracle']

/** Payments held by the same outage read the same blocks to find its end. */
function oncePerBlock(chain: GateChain): ReadOracle {
  const readings = new Map<bigint, ReturnType<ReadOracle>>()
  return (blockNumber) => {
    const reading = readings.get(blockNumber) ?? chain.reader.readOracle(blockNumber)
    readings.set(blockNumber, reading)
    return reading
  }
}

async function proveBlock(
  deps: GateDeps,
  chain: GateChain,
  group: OpenDeposit[],
  deepestBlock: bigint,
  readOracle: ReadOracle,
): Promise<Decision[]> {
  const [first] = group
  if (first === undefined) return []
  // A disabled rail needs no proof.
  const provable = group.filter(({ rail }) => deps.rails.has(rail))
  const evidence: Agreed<Evidence> =
    provable.length === 0
      ? { kind: 'behind' }
      : await chain.reader.readEvidence({
          block: { number: first.blockNumber, hash: first.blockHash },
          transactions: transactionsOf(provable),
          state: true,
        })
  if (evidence.kind === 'disagreement') {
    deps.report({ kind: 'disagreement', chainId: chain.chainId, detail: evidence.detail })
  }
  const decisions: Decision[] = []
  for (const deposit of group) {
    const context = await contextOf(deps, chain, deposit, evidence)
    const decision = planDeposit(deposit, evidence, context)
    const isStillUnpriced =
      decision.kind === 'hold' &&
      decision.reason === 'price_unavailable' &&
      deposit.reason === 'price_unavailable'
    decisions.push(
      isStillUnpriced
        ? await priceLater(deps, deposit, evidence, { context, decision, deepestBlock, readOracle })
        : decision,
    )
  }
  return decisions
}

async function contextOf(
  deps: GateDeps,
  chain: GateChain,
  { rail: name }: OpenDeposit,
  evidence: Agreed<Evidence>,
): Promise<PlanContext> {
  const { sql, pricing } = deps
  const rail = deps.rails.get(name)
  const oracle = evidence.kind === 'agreed' && evidence.value.canonical ? evidence.value.oracle : null
  const isComparable = rail !== undefined && sourceOf(pricing, rail.config.asset) === 'twap'
  return {
    rail,
    pricing,
    axgtDecimals: deps.axgtDecimals.get(chain.chainId) ?? null,
    lastAccepted: isComparable && oracle !== null ? await readLastAccepted(sql, name, oracle.block) : null,
  }
}

async function priceLater(
  deps: GateDeps,
  deposit: OpenDeposit,
  evidence: Agreed<Evidence>,
  {
    context,
    decision,
    deepestBlock,
    readOracle,
  }: { context: PlanContext; decision: Decision; deepestBlock: bigint; readOracle: ReadOracle },
): Promise<Decision> {
  if (context.rail === undefined) return decision
  const range = { unusableBlock: deposit.blockNumber, deepestBlock }
  const laterPrice = await findLaterPrice(deps, context.rail, range, readOracle)
  if (laterPrice === null) return decision
  const lastAccepted = await readLastAccepted(deps.sql, deposit.rail, laterPrice.block)
  return planDeposit(deposit, evidence, { ...context, laterPrice, lastAccepted })
}

function transactionsOf(deposits: OpenDeposit[]) {
  const ether = new Map<OpenDeposit['txHash'], boolean>()
  for (const { txHash, rail } of deposits) {
    ether.set(txHash, (ether.get(txHash) ?? false) || rail.startsWith('eth:'))
  }
  return [...ether].map(([txHash, asksEther]) => ({ txHash, ether: asksEther }))
}

/**
 * Finds the price for a payment whose own block has no price that can be trusted: that of the first later block that has
 * one, by bisection up to the newest block that is deep enough. If the source failed and recovered several times, the
 * bisection may end at any of the recoveries, and only then does the result depend on when it runs. Null while even the
 * newest block has no usable price, or the chain cannot be read.
 *
 * Costs one read while the source is down, and log2 of the number of blocks in between once it is back.
 */
async function findLaterPrice(
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
