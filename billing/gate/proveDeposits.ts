import pLimit from 'p-limit'
import type { Hash } from 'viem'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import { type Decision, groupBy, type OpenDeposit, railOf } from '../deposits/deposit.ts'
import { recordSeen, type SeenDeposit } from '../deposits/recordSeen.ts'
import { readAxgtHistory } from '../prices/priceHistory.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { priceRail, sourceOf } from '../pricing/priceRail.ts'
import type { GateChain, GateDeps, GateRail } from './gateDeps.ts'
import { type PlanContext, planDeposit, setupChange } from './planDeposit.ts'
import { noteWholeReadings, seenOf } from './readings.ts'

/** Each block being proven keeps its receipts and traces in memory. */
const MAX_BLOCKS_IN_FLIGHT = 8

/**
 * Proves deposits on the RPCs, block by block, and decides each. Of these it writes nothing; what else their
 * transactions pay is recorded as seen.
 *
 * A deposit already held because its block has no usable price is priced at the first later block that has one, up to
 * `deepestBlock`.
 */
export async function proveDeposits(
  deps: GateDeps,
  chain: GateChain,
  deposits: OpenDeposit[],
  deepestBlock: bigint,
  { traceTimeoutMs }: ProofOptions = {},
): Promise<Decision[]> {
  const limit = pLimit(MAX_BLOCKS_IN_FLIGHT)
  const readOracle = oncePerBlock(chain)
  const proofs = await Promise.all(
    [...groupBy(deposits, ({ blockNumber, blockHash }) => `${blockNumber} ${blockHash}`).values()].map(
      (group) => limit(() => proveBlock(deps, chain, group, { deepestBlock, readOracle, traceTimeoutMs })),
    ),
  )
  await noteReadings(deps, chain, proofs)
  return proofs.flatMap(({ decisions }) => decisions)
}

/** How deposits are proven where it matters. */
export interface ProofOptions {
  /** How long the trace of one transaction may take. */
  traceTimeoutMs?: number | undefined
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

interface BlockProof {
  decisions: Decision[]
  asked: OpenDeposit[]
  evidence: Agreed<Evidence>
}

async function proveBlock(
  deps: GateDeps,
  chain: GateChain,
  group: OpenDeposit[],
  {
    deepestBlock,
    readOracle,
    traceTimeoutMs,
  }: { deepestBlock: bigint; readOracle: ReadOracle; traceTimeoutMs: number | undefined },
): Promise<BlockProof> {
  const [first] = group
  if (first === undefined) return { decisions: [], asked: [], evidence: { kind: 'behind' } }
  // What is decided by the settings alone needs no proof.
  const asked = group.filter((deposit) => isJudgedNow(deps, chain, deposit))
  const { blockNumber: number, blockHash: hash } = first
  const evidence: Agreed<Evidence> =
    asked.length === 0
      ? { kind: 'behind' }
      : await chain.reader.readEvidence({
          block: { number, hash },
          transactions: transactionsOf(asked),
          state: true,
          ...(traceTimeoutMs === undefined ? {} : { traceTimeoutMs }),
        })
  reportDisagreements(deps, chain, evidence)
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
  return { decisions, asked, evidence }
}

/** Whether the settings of this process allow a look at a deposit at all: its rail is on, and what it was seen under stands. */
export function isJudgedNow(deps: Pick<GateDeps, 'rails'>, chain: GateChain, deposit: OpenDeposit): boolean {
  const rail = deps.rails.get(deposit.rail)
  return rail !== undefined && setupChange(deposit, rail, chain.setup) === null
}

function reportDisagreements(deps: GateDeps, { chainId }: GateChain, evidence: Agreed<Evidence>): void {
  if (evidence.kind === 'disagreement') {
    deps.report({ kind: 'disagreement', chainId, detail: evidence.detail })
  }
  if (evidence.kind !== 'agreed' || !evidence.value.canonical) return
  for (const unread of evidence.value.unread) {
    if (unread.kind === 'disagreement') deps.report({ kind: 'disagreement', chainId, detail: unread.detail })
  }
}

/**
 * What the evidence shows beyond the deposits that were asked about: payments of others in the same transactions become
 * deposits too, and a transaction of which everything was read is known to hold nothing more.
 */
async function noteReadings(deps: GateDeps, chain: GateChain, proofs: BlockProof[]): Promise<void> {
  const others: SeenDeposit[] = []
  const whole: { txHash: Hash; blockHash: Hash }[] = []
  for (const { asked, evidence } of proofs) {
    const [first] = asked
    if (first === undefined || evidence.kind !== 'agreed' || !evidence.value.canonical) continue
    const { timestamp, transactions } = evidence.value
    const known = new Set(asked.map(({ txHash, rail, payer }) => `${txHash} ${rail} ${payer}`))
    for (const { txHash, transfers } of transactions) {
      const block = { blockNumber: first.blockNumber, blockHash: first.blockHash, timestamp }
      const seen = seenOf(deps, chain, { txHash, transfers, ...block })
      others.push(
        ...seen.filter(
          ({ asset, payer }) => !known.has(`${txHash} ${railOf(asset, chain.chainId)} ${payer}`),
        ),
      )
      // Only an eth deposit's proof reads the ETH of its transaction.
      const isWhole = asked.some((deposit) => deposit.txHash === txHash && deposit.rail.startsWith('eth:'))
      if (isWhole) whole.push({ txHash, blockHash: first.blockHash })
    }
  }
  await recordSeen(deps.sql, others, { wakes: 'unshown' })
  await noteWholeReadings(deps.sql, chain, whole)
}

async function contextOf(
  deps: GateDeps,
  chain: GateChain,
  deposit: OpenDeposit,
  evidence: Agreed<Evidence>,
): Promise<PlanContext> {
  const { sql, pricing } = deps
  const rail = deps.rails.get(deposit.rail)
  const oracle = evidence.kind === 'agreed' && evidence.value.canonical ? evidence.value.oracle : null
  const isComparable = rail !== undefined && sourceOf(pricing, rail.config.asset) === 'twap'
  return {
    rail,
    setup: chain.setup,
    pricing,
    axgtDecimals: deps.axgtDecimals.get(chain.chainId) ?? null,
    history:
      isComparable && oracle !== null ? await readAxgtHistory(sql, rail.config.rail, oracle.block) : null,
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
  const isComparable = sourceOf(deps.pricing, context.rail.config.asset) === 'twap'
  const history = isComparable ? await readAxgtHistory(deps.sql, deposit.rail, laterPrice.block) : null
  return planDeposit(deposit, evidence, { ...context, laterPrice, history })
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
 * newest block has no usable price, or the chain cannot be read. An AXGT price counts once it is near the others: see
 * `Deviation`.
 *
 * Costs one read while the source is down, and log2 of the number of blocks in between once it is back.
 */
async function findLaterPrice(
  { sql, pricing }: Pick<GateDeps, 'sql' | 'pricing'>,
  rail: GateRail,
  { unusableBlock, deepestBlock }: { unusableBlock: bigint; deepestBlock: bigint },
  readOracle: (blockNumber: bigint) => Promise<Agreed<OracleReading> | null>,
): Promise<OracleReading | null> {
  const { config } = rail
  const isComparable = sourceOf(pricing, config.asset) === 'twap'
  const isUsable = async (oracle: OracleReading) => {
    const history = isComparable ? await readAxgtHistory(sql, config.rail, oracle.block) : null
    return priceRail({ pricing, rail: config, oracle, history, deviation: 'near' }).kind === 'priced'
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
