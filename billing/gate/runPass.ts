import type { Address } from 'viem'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import { holdDeposits } from '../deposits/changeDeposits.ts'
import { groupBy } from '../deposits/deposit.ts'
import { selectDue, selectShallow } from '../deposits/selectDeposits.ts'
import { resolveLost } from './followLost.ts'
import type { GateChain, GateDeps } from './gateDeps.ts'
import { runJobs } from './jobs/runJobs.ts'
import { readCandidates } from './readCandidates.ts'
import { writeProblem, writeStatus } from './reportGate.ts'
import { settleDeposits } from './settleDeposits.ts'
import { watchCredits } from './watchCredits.ts'

/** Deposits decided together: bounds memory whatever the backlog, and the size of a crediting transaction. */
const MAX_DEPOSITS_PER_BATCH = 500

/**
 * One pass of the gate over a chain: reads the head, records what the indexer saw, decides what is deep enough, and checks
 * that the rest still stands. Ends when nothing more is due. Returns false when the chain could not be read.
 *
 * Everything it decided is in the database when it returns. Every step may be interrupted anywhere and run again.
 *
 * @param jobs What is to be done beside the pass, with the head that it read; by default it waits for {@link runJobs}.
 */
export async function runPass(
  deps: GateDeps,
  chain: GateChain,
  wallet: Address,
  jobs: (deps: GateDeps, chain: GateChain, head: Head) => Promise<void> | void = runJobs,
): Promise<boolean> {
  const startedAt = performance.now()
  const { chainId } = chain
  const reading = await chain.reader.readHead()
  await readCandidates(deps.sql, chainId, wallet)
  if (reading.kind === 'unavailable') {
    await writeProblem(deps.sql, chainId, reading.problem)
    deps.report({ kind: 'problem', chainId, problem: reading.problem })
    return false
  }
  if (reading.kind === 'disagreement') {
    await holdDue(deps, chain, reading.head, reading.problem)
    await writeProblem(deps.sql, chainId, reading.problem)
    deps.report({ kind: 'disagreement', chainId, detail: reading.problem })
    deps.report({ kind: 'problem', chainId, problem: reading.problem })
    return false
  }
  const { head } = reading
  // An RPC that fails while enough others agree is reported at the end, and does not make the service unready.
  await writeStatus(deps.sql, chain, head)
  const credited = await settleDue(deps, chain, head)
  await checkShallow(deps, chain, head)
  await watchCredits(deps, chain, head)
  await jobs(deps, chain, head)
  deps.report({ kind: 'problem', chainId, problem: reading.problem })
  const durationMs = performance.now() - startedAt
  deps.report({ kind: 'passed', chainId, durationMs, headNumber: head.number, credited })
  return true
}

async function settleDue(deps: GateDeps, chain: GateChain, head: Head): Promise<number> {
  let credited = 0
  for (;;) {
    const due = await selectDue(deps.sql, {
      chainId: chain.chainId,
      deepestBlock: deepestBlock(head, chain.confirmations),
      now: deps.clock(),
      limit: MAX_DEPOSITS_PER_BATCH,
    })
    if (due.length > 0) credited += await settleDeposits(deps, chain, head, due)
    // What has been decided is no longer due, so this loop ends.
    if (due.length < MAX_DEPOSITS_PER_BATCH) return credited
  }
}

/** Too few RPCs answer: what is due by the one that does is held, since nothing is credited on its word alone. */
async function holdDue(deps: GateDeps, chain: GateChain, head: Head, detail: string): Promise<void> {
  const now = deps.clock()
  const due = await selectDue(deps.sql, {
    chainId: chain.chainId,
    deepestBlock: deepestBlock(head, chain.confirmations),
    now,
    limit: MAX_DEPOSITS_PER_BATCH,
  })
  const events = await holdDeposits(
    deps.sql,
    due.map((deposit) => ({ kind: 'hold', deposit, reason: 'rpc_disagreement', detail })),
    now,
  )
  for (const event of events) deps.report(event)
}

/** Checks deposits that lack confirmations: one whose block was replaced is followed or orphaned at once. */
async function checkShallow(deps: GateDeps, chain: GateChain, head: Head): Promise<void> {
  const shallow = await selectShallow(deps.sql, {
    chainId: chain.chainId,
    aboveBlock: deepestBlock(head, chain.confirmations),
    limit: MAX_DEPOSITS_PER_BATCH,
  })
  for (const [blockNumber, group] of groupBy(shallow, (deposit) => deposit.blockNumber)) {
    if (blockNumber > head.number) continue
    const canonical = await chain.reader.readCanonicalHash(blockNumber)
    if (canonical.kind !== 'agreed') continue
    const removed = group.filter(({ blockHash }) => blockHash !== canonical.value)
    await resolveLost(deps, chain, removed)
  }
}
