import type { Hash } from 'viem'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import { type Admit, admitAll, countRequests } from '../chain/rpc/countRequests.ts'
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
  const unpaid = rememberUnpaid(deps)
  const recorded = (txHash: Hash) => readDeposits(deps.sql, required, { txHash })

  async function look(txHash: Hash, admit: Admit): Promise<TransactionLookup> {
    const deposits = await recorded(txHash)
    const isOver = deposits.length > 0 && deposits.every(isCredited)
    if (isOver && (await areWhollyRead(deps, deposits))) return found(txHash, deposits, true)
    if (!isOver && deposits.some(isAlive)) return found(txHash, deposits)
    const known = deposits.length === 0 ? await unpaid.recall(txHash) : null
    if (known !== null) return { kind: 'found', transaction: known.transaction }
    return admitted(admit, { txHash, deposits }, async () => {
      if (isOver) return lookAtWhole(txHash, deposits)
      const chains = chainsOf(deps, undefined)
      const lookup = await lookOnChains(chains, txHash, deposits, (chain) => findTransaction(chain, txHash))
      unpaid.remember(lookup)
      return answerOf(lookup)
    })
  }

  async function submit(txHash: Hash, chainId: number | undefined, admit: Admit): Promise<TransactionLookup> {
    const before = await recorded(txHash)
    const since = new Date(deps.clock().getTime() - READING_COUNTS_MS)
    if (before.length > 0 && before.every(isCredited) && (await areWhollyRead(deps, before, since))) {
      return found(txHash, before, true)
    }
    const known = before.length === 0 ? await unpaid.recall(txHash) : null
    if (known !== null && (chainId ?? known.chainId) === known.chainId) {
      // The gate looks again by itself, whoever asks how often.
      await rememberSubmission(deps, known.chainId, txHash)
      return { kind: 'found', transaction: known.transaction }
    }
    return admitted(admit, { txHash, deposits: before }, () => submitNow(txHash, chainId, before))
  }

  async function submitNow(
    txHash: Hash,
    chainId: number | undefined,
    known: DepositView[],
  ): Promise<TransactionLookup> {
    const chains = chainsOf(deps, chainId)
    const lookup = await lookOnChains(chains, txHash, known, (chain) =>
      recordTransaction(deps, chain, txHash),
    )
    unpaid.remember(lookup)
    const { minedOn, openOn } = lookup
    const chain = chains.find((candidate) => candidate.chainId === minedOn)
    const head = chain === undefined ? null : await settleNow(deps, chain, txHash)
    const after = await recorded(txHash)
    const isWhole = after.length > 0 && (await areWhollyRead(deps, after))
    // What is not recorded by now is looked at again: not mined yet, said to pay nothing, or not to be read (wholly) here.
    const isPartial = minedOn !== null && after.length > 0 && !isWhole
    for (const chainId of isPartial ? new Set([...openOn, minedOn]) : openOn) {
      await rememberSubmission(deps, chainId, txHash)
    }
    if (!after.some(isAlive)) return answerOf(lookup)
    return found(txHash, countBy(head, minedOn, after), isWhole && after.every(isCredited))
  }

  /** All that is known of is credited: over, once nobody else's money can be in the same transaction. */
  async function lookAtWhole(txHash: Hash, deposits: DepositView[]): Promise<TransactionLookup> {
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
    look: (txHash, admit = admitAll) => look(txHash, admit),
    submit(txHash, chainId, admit = admitAll) {
      // Concurrent calls for one hash share one verification.
      const key = `${txHash} ${chainId ?? 'any'}`
      const underWay = submissions.get(key)
      if (underWay !== undefined) return underWay
      const submission = submit(txHash, chainId, admit).finally(() => submissions.delete(key))
      submissions.set(key, submission)
      return submission
    },
  }
}

/** Does what costs requests to RPCs, if it may: otherwise the answer is what is recorded. */
async function admitted(
  admit: Admit,
  { txHash, deposits }: { txHash: Hash; deposits: DepositView[] },
  ask: () => Promise<TransactionLookup>,
): Promise<TransactionLookup> {
  const admission = await admit(deposits.length > 0 ? 'recorded' : 'unknown')
  if (admission.kind === 'refused') {
    if (deposits.length > 0) return found(txHash, deposits)
    return { kind: 'rate_limited', retryAfterSeconds: admission.retryAfterSeconds }
  }
  const { value, requests } = await countRequests(ask)
  const isPayment = value.kind === 'found' && value.transaction.deposits.length > 0
  await admission.settle(requests, isPayment ? 'recorded' : 'unknown')
  return value
}

function answerOf({ minedOn, openOn, minedIn, ...answer }: ChainLookup): TransactionLookup {
  return answer
}

/** A transaction that was mined and pays nothing that is credited, as it was last seen. */
interface Unpaid {
  transaction: TransactionView
  chainId: number
  blockNumber: bigint
  /** Whether the block was final then. */
  wasFinal: boolean
  seenAt: number
}

/** Anybody can name transactions that pay nothing. */
const MAX_UNPAID_REMEMBERED = 20_000
/** How long one is remembered while nobody says what is final. */
const MAX_AGE_WITHOUT_FINALITY_MS = 10 * 60_000

/**
 * Remembers transactions that were mined and pay nothing, until their block is final, when each is read once more, and after
 * that for as long as there is room: asked about again, they cost no request. Should a reorg change what one pays, the index
 * and the gate's own searches see the payment, and what is recorded comes before what is remembered.
 */
function rememberUnpaid(deps: Pick<GateDeps, 'sql' | 'clock'>) {
  const kept = new Map<Hash, Unpaid>()
  const finalized = new Map<number, bigint>()

  async function readFinalized(chainId: number): Promise<bigint | null> {
    const [status] = await deps.sql<{ number: bigint }[]>`
      select finalized_number as number from credits.chain_status where chain_id = ${chainId}`
    if (status === undefined) return null
    finalized.set(chainId, status.number)
    return status.number
  }

  return {
    async recall(txHash: Hash): Promise<Unpaid | null> {
      const one = kept.get(txHash)
      if (one === undefined || one.wasFinal) return one ?? null
      const final = await readFinalized(one.chainId)
      const age = Math.abs(deps.clock().getTime() - one.seenAt)
      const isGood = final === null ? age < MAX_AGE_WITHOUT_FINALITY_MS : final < one.blockNumber
      return isGood ? one : null
    },
    remember(lookup: ChainLookup): void {
      if (lookup.kind !== 'found' || lookup.minedOn === null || lookup.minedIn === null) return
      const { transaction, minedOn: chainId, minedIn: blockNumber } = lookup
      const { txHash } = transaction
      kept.delete(txHash)
      if (transaction.outcome === 'pending' || transaction.outcome === 'settled') return
      const wasFinal = (finalized.get(chainId) ?? -1n) >= blockNumber
      kept.set(txHash, { transaction, chainId, blockNumber, wasFinal, seenAt: deps.clock().getTime() })
      // A Map keeps the order of insertion: its first key is the oldest.
      const [oldest] = kept.keys()
      if (kept.size > MAX_UNPAID_REMEMBERED && oldest !== undefined) kept.delete(oldest)
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
const READING_COUNTS_MS = 30_000

async function areWhollyRead(deps: GateDeps, deposits: DepositView[], since?: Date): Promise<boolean> {
  const read = await Promise.all(
    deposits.map(async ({ chainId, txHash }) => {
      const chain = deps.chains.get(chainId)
      return chain !== undefined && isWhollyRead(deps.sql, chain, txHash, since)
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
  /** The number of the block. */
  minedIn: bigint | null
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
    const minedIn = finding.location.blockNumber
    return { kind: 'found', transaction, minedOn: chain.chainId, minedIn, openOn }
  }
  for (const { chain, finding } of findings) {
    if (finding.kind !== 'unmined') continue
    const deposits = finding.transfers.map((transfer) => viewTransfer(chain, txHash, transfer, null))
    const transaction: TransactionView = { txHash, outcome: 'pending', deposits }
    return { kind: 'found', transaction, minedOn: null, minedIn: null, openOn }
  }
  if (recorded.length > 0) {
    return {
      kind: 'found',
      transaction: { txHash, outcome: 'pending', deposits: recorded },
      minedOn: null,
      minedIn: null,
      openOn,
    }
  }
  const isKnownAbsent = findings.every(({ finding }) => finding.kind === 'absent')
  return { kind: isKnownAbsent ? 'not_found' : 'unavailable', minedOn: null, minedIn: null, openOn }
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
   *
   * @param admit is asked before the RPCs are, and only then. Where it refuses, what is recorded is the answer, or
   *   `rate_limited` where nothing is.
   */
  look(txHash: Hash, admit?: Admit): Promise<TransactionLookup>
  /**
   * Records the transaction's deposits and credits those that are due, by the code the gate runs. Idempotent; concurrent
   * calls for one hash share one verification. `admit` as for `look`.
   */
  submit(txHash: Hash, chainId?: number, admit?: Admit): Promise<TransactionLookup>
}

export type TransactionLookup =
  | { kind: 'found'; transaction: TransactionView }
  | { kind: 'not_found' }
  | { kind: 'unavailable' }
  | { kind: 'rate_limited'; retryAfterSeconds: number }
