import type { Address, Hash } from 'viem'
import type { Asset } from '../../config/config.ts'
import type { OracleReading } from '../../pricing/oracleReading.ts'
import { type Agreed, type NamedAnswer, planAgreement } from '../rpc/agree.ts'
import type {
  BlockReading,
  Evidence,
  EvidenceRequest,
  TransactionEvidence,
  TransactionReading,
  UnreadTransaction,
} from './evidence.ts'

type CanonicalReading = Extract<BlockReading, { canonical: true }>
type Reading = NamedAnswer<BlockReading>

/**
 * Decides what several RPCs say together about the payments in a block. Pure.
 *
 * The block is agreed on as a whole; each transaction, each payer's balance and each token by itself. So a transaction
 * that one RPC cannot trace, or that two of them tell differently, is the only one of its block that waits.
 */
export function planEvidence(request: EvidenceRequest, readings: Reading[]): Agreed<Evidence> {
  const block = planAgreement(readings.map(blockOf))
  if (block.kind !== 'agreed') return block
  const { value } = block
  if (!value.canonical) return { kind: 'agreed', value }

  const transactions: TransactionEvidence[] = []
  const unread: UnreadTransaction[] = []
  for (const { txHash } of request.transactions) {
    const agreed = planAgreement(readings.map((reading) => transactionOf(reading, txHash)))
    if (agreed.kind === 'agreed') transactions.push(agreed.value)
    else unread.push(unreadAs(txHash, agreed, readings))
  }
  const state = planState(transactions, readings)
  return {
    kind: 'agreed',
    value: {
      canonical: true,
      timestamp: value.timestamp,
      transactions: transactions.filter(({ txHash }) => !state.disputed.some((one) => one.txHash === txHash)),
      unread: [...unread, ...state.disputed],
      axgtBalances: state.axgtBalances,
      shortfalls: state.shortfalls,
      oracle: state.oracle,
    },
  }
}

type BlockPart = { canonical: false; canonicalHash: Hash } | { canonical: true; timestamp: bigint }

function blockOf(reading: Reading): NamedAnswer<BlockPart> {
  if (reading.kind !== 'answer') return reading
  const { label, kind, value } = reading
  return { label, kind, value: value.canonical ? { canonical: true, timestamp: value.timestamp } : value }
}

function transactionOf(reading: Reading, txHash: Hash): NamedAnswer<TransactionEvidence> {
  const told = readingOf(reading, txHash)
  const { label } = reading
  switch (told?.kind) {
    case 'read':
      return { label, kind: 'answer', value: told.evidence }
    case 'unreadable':
      return { label, kind: 'failed', why: told.why }
    case 'behind':
      return { label, kind: 'behind' }
    case undefined:
      return reading.kind === 'answer' ? { label, kind: 'behind' } : reading
  }
}

function readingOf(reading: Reading, txHash: Hash): TransactionReading | undefined {
  if (reading.kind !== 'answer' || !reading.value.canonical) return undefined
  return reading.value.transactions.find((one) => hashOf(one) === txHash)
}

function hashOf(reading: TransactionReading): Hash {
  return reading.kind === 'read' ? reading.evidence.txHash : reading.txHash
}

/**
 * Too few RPCs told of it. Where one of them has the block and not this transaction's receipt or trace, that is why; only
 * RPCs that contradict each other disagree.
 */
function unreadAs(
  txHash: Hash,
  agreed: Exclude<Agreed<TransactionEvidence>, { kind: 'agreed' }>,
  readings: Reading[],
): UnreadTransaction {
  if (agreed.kind === 'behind') return { txHash, kind: 'behind' }
  const told = readings.flatMap((reading) => readingOf(reading, txHash) ?? [])
  const isUnreadable = told.some(({ kind }) => kind === 'unreadable')
  const said = new Set(told.flatMap((one) => (one.kind === 'read' ? [textOf(one.evidence)] : [])))
  return {
    txHash,
    kind: isUnreadable && said.size < 2 ? 'unavailable' : 'disagreement',
    detail: agreed.detail,
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}

interface AgreedState {
  axgtBalances: CanonicalReading['axgtBalances']
  shortfalls: CanonicalReading['shortfalls']
  oracle: OracleReading | null
  /** Transactions that rest on state about which the RPCs contradict each other. */
  disputed: UnreadTransaction[]
}

/** An RPC that could not read a transaction has read no state for it; it is asked only about what it did read. */
function planState(transactions: TransactionEvidence[], readings: Reading[]): AgreedState {
  const disputed: UnreadTransaction[] = []
  const dispute = (detail: string, isMeant: (transaction: TransactionEvidence) => boolean) => {
    for (const transaction of transactions) {
      if (isMeant(transaction)) disputed.push({ txHash: transaction.txHash, kind: 'disagreement', detail })
    }
  }

  const axgtBalances: AgreedState['axgtBalances'] = []
  for (const holder of holdersOf(readings)) {
    const agreed = planAgreement(
      readings.map((reading) => partOf(reading, (value) => balanceOf(value, holder))),
    )
    if (agreed.kind === 'agreed') axgtBalances.push({ holder, balance: agreed.value })
    else if (agreed.kind === 'disagreement') {
      dispute(agreed.detail, ({ transfers }) =>
        transfers.some(({ asset, payer }) => asset === 'eth' && payer === holder),
      )
    }
  }

  const shortfalls: AgreedState['shortfalls'] = []
  const paid = new Set(transactions.flatMap(({ transfers }) => transfers.map(({ asset }) => asset)))
  for (const asset of paid) {
    const agreed = planAgreement(
      readings.map((reading) => partOf(reading, (value) => shortfallOf(value, asset))),
    )
    if (agreed.kind === 'agreed' && agreed.value !== 'none') shortfalls.push(agreed.value)
    else if (agreed.kind === 'disagreement') dispute(agreed.detail, (transaction) => pays(transaction, asset))
  }

  const wantsPool = paid.has('axgt') && readings.some((reading) => oracleOf(reading)?.pool != null)
  const oracle = planAgreement(
    readings.map((reading) =>
      partOf(reading, ({ oracle: read }) => {
        if (read === null) return wantsPool ? undefined : 'none'
        if (wantsPool && read.pool === null) return undefined
        return wantsPool ? read : { ...read, pool: null }
      }),
    ),
  )
  if (oracle.kind === 'disagreement') {
    dispute(oracle.detail, (transaction) => pays(transaction, 'axgt') || pays(transaction, 'eth'))
  }
  const reading = oracle.kind === 'agreed' && oracle.value !== 'none' ? oracle.value : null
  return { axgtBalances, shortfalls, oracle: reading, disputed: firstOfEach(disputed) }
}

/** undefined: this RPC has not read it. */
function partOf<part>(
  reading: Reading,
  read: (value: CanonicalReading) => part | undefined,
): NamedAnswer<part> {
  const { label } = reading
  if (reading.kind !== 'answer') return reading
  const part = reading.value.canonical ? read(reading.value) : undefined
  return part === undefined ? { label, kind: 'behind' } : { label, kind: 'answer', value: part }
}

function oracleOf(reading: Reading): OracleReading | null {
  return reading.kind === 'answer' && reading.value.canonical ? reading.value.oracle : null
}

function holdersOf(readings: Reading[]): Address[] {
  const holders = readings.flatMap((reading) =>
    reading.kind === 'answer' && reading.value.canonical
      ? reading.value.axgtBalances.map(({ holder }) => holder)
      : [],
  )
  return [...new Set(holders)].sort()
}

function balanceOf({ axgtBalances }: CanonicalReading, holder: Address): bigint | undefined {
  return axgtBalances.find((one) => one.holder === holder)?.balance
}

function shortfallOf({ shortfalls }: CanonicalReading, asset: Asset) {
  return shortfalls.find((one) => one.asset === asset) ?? ('none' as const)
}

function pays({ transfers }: TransactionEvidence, asset: Asset): boolean {
  return transfers.some((transfer) => transfer.asset === asset)
}

function firstOfEach(disputed: UnreadTransaction[]): UnreadTransaction[] {
  return [...new Map(disputed.map((one) => [one.txHash, one])).values()]
}
