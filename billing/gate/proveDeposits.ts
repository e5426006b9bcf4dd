import pLimit from 'p-limit'
import type { Agreed } from '../chain/agree.ts'
import type { Evidence } from '../chain/readEvidence.ts'
import type { GateChain, GateDeps, OpenDeposit } from './gateDeps.ts'
import { groupBy } from './groupBy.ts'
import { type Decision, planDeposit } from './planDeposit.ts'

/** Blocks whose evidence is under way at once; each holds a block's receipts and traces in memory meanwhile. */
const BLOCKS_AT_ONCE = 8

/** Proves deposits on the RPCs, a block at a time, and decides about each. Writes nothing. */
export async function proveDeposits(
  deps: GateDeps,
  chain: GateChain,
  deposits: OpenDeposit[],
): Promise<Decision[]> {
  const limit = pLimit(BLOCKS_AT_ONCE)
  const decided = await Promise.all(
    [...groupBy(deposits, ({ blockNumber, blockHash }) => `${blockNumber} ${blockHash}`).values()].map(
      (group) => limit(() => proveBlock(deps, chain, group)),
    ),
  )
  return decided.flat()
}

async function proveBlock(deps: GateDeps, chain: GateChain, group: OpenDeposit[]): Promise<Decision[]> {
  const [first] = group
  if (first === undefined) return []
  // A rail that is off needs no proof.
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
  return group.map((deposit) =>
    planDeposit(deposit, evidence, {
      rail: deps.rails.get(deposit.rail),
      pricing: deps.pricing,
      axgtDecimals: deps.axgtDecimals.get(chain.chainId) ?? null,
    }),
  )
}

function transactionsOf(deposits: OpenDeposit[]) {
  const ether = new Map<OpenDeposit['txHash'], boolean>()
  for (const { txHash, rail } of deposits) {
    ether.set(txHash, (ether.get(txHash) ?? false) || rail.startsWith('eth:'))
  }
  return [...ether].map(([txHash, asksEther]) => ({ txHash, ether: asksEther }))
}
