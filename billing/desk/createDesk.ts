import type { Hash } from 'viem'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import { depositId, railOf } from '../deposits/deposit.ts'
import { type DepositView, readDeposits } from '../deposits/depositViews.ts'
import { selectByTransaction } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import { settleDeposits } from '../gate/settleDeposits.ts'
import { findTransaction, recordTransaction, type TransactionFinding } from '../gate/submittedTransactions.ts'

/**
 * Makes the desk, where anybody may ask about a transaction hash or submit one. A submission is found, proven and credited
 * by the gate's own code, so it can credit neither more nor sooner than the gate would, and only the payer.
 */
export function createDesk(deps: GateDeps): TransactionDesk {
  const submissions = new Map<string, Promise<TransactionLookup>>()
  const required = (chainId: number) => deps.chains.get(chainId)?.confirmations ?? 0
  const recorded = (txHash: Hash) => readDeposits(deps.sql, required, { txHash })

  async function look(txHash: Hash, chainId?: number): Promise<TransactionLookup> {
    const deposits = await recorded(txHash)
    if (deposits.some(isAlive)) return found(txHash, deposits)
    return lookOnChains(chainsOf(deps, chainId), txHash, deposits, (chain) => findTransaction(chain, txHash))
  }

  async function submit(txHash: Hash, chainId?: number): Promise<TransactionLookup> {
    const known = await recorded(txHash)
    const isSettled = known.length > 0 && known.every(({ state }) => state === 'credited')
    if (isSettled) return found(txHash, known)
    const chains = chainsOf(deps, chainId)
    const lookup = await lookOnChains(chains, txHash, known, (chain) =>
      recordTransaction(deps, chain, txHash),
    )
    const chain = chains.find((candidate) => candidate.chainId === lookup.minedOn)
    const head = chain === undefined ? null : await settleNow(deps, chain, txHash)
    if (lookup.unminedOn !== null) await remember(deps, lookup.unminedOn, txHash)
    const after = await recorded(txHash)
    return after.some(isAlive) ? found(txHash, countBy(head, lookup.minedOn, after)) : lookup
  }

  return {
    look,
    submit(txHash, chainId) {
      // Concurrent calls for one hash share one verification.
      const key = `${txHash} ${chainId ?? 'any'}`
      const underWay = submissions.get(key)
      if (underWay !== undefined) return underWay
      const submission = submit(txHash, chainId).finally(() => submissions.delete(key))
      submissions.set(key, submission)
      return submission
    },
  }
}

/** Whether the record answers the question; an orphaned deposit is searched for on the chain. */
function isAlive({ state }: DepositView): boolean {
  return state !== 'orphaned'
}

function chainsOf(deps: GateDeps, chainId: number | undefined): GateChain[] {
  return [...deps.chains.values()].filter((chain) => chainId === undefined || chain.chainId === chainId)
}

function found(txHash: Hash, deposits: DepositView[]): TransactionLookup {
  return { kind: 'found', transaction: { txHash, outcome: outcomeOf(deposits), deposits } }
}

function outcomeOf(deposits: DepositView[]): TransactionOutcome {
  if (deposits.length === 0) return 'no_qualifying_transfer'
  const isOver = ({ state }: DepositView) => state === 'credited' || state === 'rejected'
  return deposits.every(isOver) ? 'settled' : 'pending'
}

type ChainLookup = TransactionLookup & { minedOn: number | null; unminedOn: number | null }

/** Asks all chains. A chain with the transaction in a block takes precedence over a mempool, and both over silence. */
async function lookOnChains(
  chains: GateChain[],
  txHash: Hash,
  recorded: DepositView[],
  find: (chain: GateChain) => Promise<TransactionFinding>,
): Promise<ChainLookup> {
  const findings = await Promise.all(chains.map(async (chain) => ({ chain, finding: await find(chain) })))
  const nowhere = { minedOn: null, unminedOn: null }
  for (const { chain, finding } of findings) {
    if (finding.kind !== 'mined') continue
    const transaction = await viewMined(chain, txHash, finding)
    return { kind: 'found', transaction, minedOn: chain.chainId, unminedOn: null }
  }
  for (const { chain, finding } of findings) {
    if (finding.kind !== 'unmined') continue
    const deposits = finding.transfers.map((transfer) => viewTransfer(chain, txHash, transfer, null))
    const transaction: TransactionView = { txHash, outcome: 'pending', deposits }
    return { kind: 'found', transaction, minedOn: null, unminedOn: chain.chainId }
  }
  if (recorded.length > 0) {
    return { kind: 'found', transaction: { txHash, outcome: 'pending', deposits: recorded }, ...nowhere }
  }
  const isKnownAbsent = findings.every(({ finding }) => finding.kind === 'absent')
  return { kind: isKnownAbsent ? 'not_found' : 'unavailable', ...nowhere }
}

async function viewMined(
  chain: GateChain,
  txHash: Hash,
  finding: Extract<TransactionFinding, { kind: 'mined' }>,
): Promise<TransactionView> {
  if (!finding.location.succeeded) return { txHash, outcome: 'transaction_failed', deposits: [] }
  if (finding.transfers.length === 0) return { txHash, outcome: 'no_qualifying_transfer', deposits: [] }
  const reading = await chain.reader.readHead()
  const head = reading.kind === 'agreed' ? reading.head : null
  const deposits = finding.transfers.map((transfer) =>
    viewTransfer(chain, txHash, transfer, { number: finding.location.blockNumber, head }),
  )
  return { txHash, outcome: 'pending', deposits }
}

function viewTransfer(
  chain: GateChain,
  txHash: Hash,
  { asset, payer, amountBaseUnits }: Extract<TransactionFinding, { kind: 'mined' }>['transfers'][number],
  block: { number: bigint; head: Head | null } | null,
): DepositView {
  const { chainId } = chain
  const depth = block?.head ? Number(block.head.number - block.number + 1n) : 0
  return {
    id: depositId({ chainId, txHash, asset, payer }),
    txHash,
    chainId,
    rail: railOf(asset, chainId),
    payer,
    amountBaseUnits,
    state: 'pending',
    reason: null,
    detail: null,
    confirmations: Math.max(depth, 0),
    confirmationsRequired: chain.confirmations,
    creditMicros: null,
    blockNumber: block?.number ?? null,
    retryAt: null,
    blockTime: null,
    creditedAt: null,
  }
}

/** The gate may not have seen the head that was just read, so confirmations of open deposits are counted by it. */
function countBy(head: Head | null, chainId: number | null, deposits: DepositView[]): DepositView[] {
  return deposits.map((deposit) => {
    const isOpen = deposit.state === 'pending' || deposit.state === 'held'
    if (head === null || deposit.chainId !== chainId || !isOpen || deposit.blockNumber === null)
      return deposit
    const depth = Number(head.number - deposit.blockNumber + 1n)
    return { ...deposit, confirmations: Math.max(depth, deposit.confirmations) }
  })
}

/** Settles a transaction's deposits that are deep enough now, not at the gate's next pass. Returns the head it used. */
async function settleNow(deps: GateDeps, chain: GateChain, txHash: Hash): Promise<Head | null> {
  const reading = await chain.reader.readHead()
  if (reading.kind !== 'agreed') return null
  const deepest = deepestBlock(reading.head, chain.confirmations)
  const open = (await selectByTransaction(deps.sql, txHash)).filter(
    ({ state, chainId, blockNumber }) =>
      (state === 'pending' || state === 'held') && chainId === chain.chainId && blockNumber <= deepest,
  )
  if (open.length > 0) await settleDeposits(deps, chain, reading.head, open)
  return reading.head
}

async function remember(deps: GateDeps, chainId: number, txHash: Hash): Promise<void> {
  await deps.sql`
    insert into credits.submitted_transaction (chain_id, tx_hash) values (${chainId}, ${txHash})
    on conflict do nothing`
}

/**
 * `pending`: something may still change (mempool, confirmations, held). `settled`: every deposit is credited or
 * rejected. The other two say why nothing will be credited.
 */
export type TransactionOutcome = 'pending' | 'settled' | 'no_qualifying_transfer' | 'transaction_failed'

export interface TransactionView {
  txHash: Hash
  outcome: TransactionOutcome
  deposits: DepositView[]
}

/** What the API asks the gate about one transaction hash, which must be 0x and 64 lower-case hex digits. */
export interface TransactionDesk {
  /**
   * Looks without recording anything: what the database knows, otherwise what the RPCs of all configured chains show.
   * `not_found` when no chain knows the hash; `unavailable` when a chain could not be asked and no other knows it.
   */
  look(txHash: Hash, chainId?: number): Promise<TransactionLookup>
  /**
   * Records the transaction's deposits and credits those that are due, by the code the gate runs. Idempotent; concurrent
   * calls for one hash share one verification.
   */
  submit(txHash: Hash, chainId?: number): Promise<TransactionLookup>
}

export type TransactionLookup =
  | { kind: 'found'; transaction: TransactionView }
  | { kind: 'not_found' }
  | { kind: 'unavailable' }
