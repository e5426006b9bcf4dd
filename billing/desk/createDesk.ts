import type { Hash } from 'viem'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import { depositId, type OpenDeposit, railOf } from '../deposits/deposit.ts'
import { type DepositView, readDeposits } from '../deposits/depositViews.ts'
import { selectByTransaction } from '../deposits/selectDeposits.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import { isJudgedNow } from '../gate/proveDeposits.ts'
import { isWhollyRead } from '../gate/readings.ts'
import { settleDeposits } from '../gate/settleDeposits.ts'
import {
  findTransaction,
  recordTransaction,
  rememberSubmission,
  type TransactionFinding,
} from '../gate/submittedTransactions.ts'

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
    if (deposits.length > 0 && deposits.every(isCredited)) return lookAtWhole(txHash, deposits)
    if (deposits.some(isAlive)) return found(txHash, deposits)
    const chains = chainsOf(deps, chainId)
    const { minedOn, openOn, ...answer } = await lookOnChains(chains, txHash, deposits, (chain) =>
      findTransaction(chain, txHash),
    )
    return answer
  }

  async function submit(txHash: Hash, chainId?: number): Promise<TransactionLookup> {
    const known = await recorded(txHash)
    if (
      known.length > 0 &&
      known.every(isCredited) &&
      (await areWhollyRead(deps, known, READING_COUNTS_SECONDS))
    ) {
      return found(txHash, known, true)
    }
    const chains = chainsOf(deps, chainId)
    const lookup = await lookOnChains(chains, txHash, known, (chain) =>
      recordTransaction(deps, chain, txHash),
    )
    const { minedOn, openOn, ...answer } = lookup
    const chain = chains.find((candidate) => candidate.chainId === minedOn)
    const head = chain === undefined ? null : await settleNow(deps, chain, txHash)
    const after = await recorded(txHash)
    const isWhole = after.length > 0 && (await areWhollyRead(deps, after))
    // What is not recorded by now is looked at again: not mined yet, said to pay nothing, or not to be read (wholly) here.
    const isPartial = minedOn !== null && after.length > 0 && !isWhole
    for (const chainId of isPartial ? new Set([...openOn, minedOn]) : openOn) {
      await rememberSubmission(deps, chainId, txHash)
    }
    if (!after.some(isAlive)) return answer
    return found(txHash, countBy(head, minedOn, after), isWhole && after.every(isCredited))
  }

  /** All that is known of is credited: over, once nobody else's money can be in the same transaction. */
  async function lookAtWhole(txHash: Hash, deposits: DepositView[]): Promise<TransactionLookup> {
    if (await areWhollyRead(deps, deposits)) return found(txHash, deposits, true)
    for (const chain of chainsOf(deps, undefined)) {
      if (!deposits.some(({ chainId }) => chainId === chain.chainId)) continue
      await recordTransaction(deps, chain, txHash)
      if (!(await isWhollyRead(deps.sql, chain, txHash)))
        await rememberSubmission(deps, chain.chainId, txHash)
    }
    const after = await recorded(txHash)
    return found(txHash, after, after.every(isCredited) && (await areWhollyRead(deps, after)))
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

function isCredited({ state }: DepositView): boolean {
  return state === 'credited'
}

/**
 * Who submits a hash again after so long may know better than the reading that showed nothing more: it is read again. Until
 * then it costs no request.
 */
const READING_COUNTS_SECONDS = 30

async function areWhollyRead(
  deps: GateDeps,
  deposits: DepositView[],
  maxAgeSeconds?: number,
): Promise<boolean> {
  const read = await Promise.all(
    deposits.map(async ({ chainId, txHash }) => {
      const chain = deps.chains.get(chainId)
      return chain !== undefined && isWhollyRead(deps.sql, chain, txHash, maxAgeSeconds)
    }),
  )
  return read.every((isRead) => isRead)
}

/** Whether the record answers the question; an orphaned deposit is searched for on the chain. */
function isAlive({ state }: DepositView): boolean {
  return state !== 'orphaned'
}

function chainsOf(deps: GateDeps, chainId: number | undefined): GateChain[] {
  return [...deps.chains.values()].filter((chain) => chainId === undefined || chain.chainId === chainId)
}

function found(txHash: Hash, deposits: DepositView[], isSettled = false): TransactionLookup {
  return { kind: 'found', transaction: { txHash, outcome: isSettled ? 'settled' : 'pending', deposits } }
}

type ChainLookup = TransactionLookup & {
  minedOn: number | null
  /** Chains on which the hash is known, or not to be asked about, and nothing that it pays was found. */
  openOn: number[]
}

/** Asks all chains. A chain with the transaction in a block takes precedence over a mempool, and both over silence. */
async function lookOnChains(
  chains: GateChain[],
  txHash: Hash,
  recorded: DepositView[],
  find: (chain: GateChain) => Promise<TransactionFinding>,
): Promise<ChainLookup> {
  const findings = await Promise.all(chains.map(async (chain) => ({ chain, finding: await find(chain) })))
  const openOn = findings.filter(({ finding }) => isOpen(finding)).map(({ chain }) => chain.chainId)
  for (const { chain, finding } of findings) {
    if (finding.kind !== 'mined') continue
    const transaction = await viewMined(chain, txHash, finding)
    return { kind: 'found', transaction, minedOn: chain.chainId, openOn }
  }
  for (const { chain, finding } of findings) {
    if (finding.kind !== 'unmined') continue
    const deposits = finding.transfers.map((transfer) => viewTransfer(chain, txHash, transfer, null))
    const transaction: TransactionView = { txHash, outcome: 'pending', deposits }
    return { kind: 'found', transaction, minedOn: null, openOn }
  }
  if (recorded.length > 0) {
    return {
      kind: 'found',
      transaction: { txHash, outcome: 'pending', deposits: recorded },
      minedOn: null,
      openOn,
    }
  }
  const isKnownAbsent = findings.every(({ finding }) => finding.kind === 'absent')
  return { kind: isKnownAbsent ? 'not_found' : 'unavailable', minedOn: null, openOn }
}

/** Not for a hash that no RPC could be asked about on any chain: anybody can make those up. */
function isOpen(finding: TransactionFinding): boolean {
  switch (finding.kind) {
    case 'mined':
      return !finding.location.succeeded || finding.transfers.length === 0
    case 'unmined':
      return true
    case 'unread':
      return true
    case 'absent':
    case 'unknown':
      return false
  }
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

/**
 * A process with other settings than a deposit was seen under, or whose RPCs offer no traces of what a trace showed, leaves
 * it to the gate: replicas are not all restarted at once.
 */
function canJudge(deps: GateDeps, chain: GateChain, deposit: OpenDeposit): boolean {
  const isWeaker = chain.setup.ethDetection === 'transactions' && deposit.seenUnder?.by === 'traces'
  return !isWeaker && isJudgedNow(deps, chain, deposit)
}

/** Settles a transaction's deposits that are deep enough now, not at the gate's next pass. Returns the head it used. */
async function settleNow(deps: GateDeps, chain: GateChain, txHash: Hash): Promise<Head | null> {
  const reading = await chain.reader.readHead()
  if (reading.kind !== 'agreed') return null
  const deepest = deepestBlock(reading.head, chain.confirmations)
  const open = (await selectByTransaction(deps.sql, txHash)).filter(
    (deposit) =>
      (deposit.state === 'pending' || deposit.state === 'held') &&
      deposit.chainId === chain.chainId &&
      deposit.blockNumber <= deepest &&
      canJudge(deps, chain, deposit),
  )
  if (open.length > 0) await settleDeposits(deps, chain, reading.head, open)
  return reading.head
}

/**
 * `pending`: something may still change (mempool, confirmations, held, not wholly read yet). `settled`: the whole
 * transaction was read and every deposit in it is credited. The other two say why nothing will be credited.
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
   * Looks at what the database knows, otherwise at what the RPCs of all configured chains show. Records nothing, except
   * that a transaction all of whose known deposits are credited is read as a whole once: it may hold somebody else's.
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
