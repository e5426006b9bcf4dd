import type { Address, Hash } from 'viem'
import type { Evidence } from '../chain/proof/evidence.ts'
import type { TransactionLocation } from '../chain/proof/locateTransaction.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Asset, Rail } from '../config/config.ts'
import type { OracleReading } from '../pricing/oracleReading.ts'
import type { Quote } from '../pricing/quote.ts'
import type { Difference } from './differences.ts'

/** A recorded deposit as the chain is asked about it, with the credit that stands. */
export interface CheckedDeposit {
  id: string
  chainId: number
  txHash: Hash
  rail: Rail
  payer: Address
  state: string
  reason: string | null
  amountBaseUnits: bigint
  blockNumber: bigint
  blockHash: Hash
  blockTimestamp: Date
  /** Under what it was seen; null: by the settings. */
  seenWallet: Address | null
  seenToken: Address | null
  /** Of the credit that stands; null where none does. */
  quote: Quote | null
  /** Whether an operator said that another block counts for balance and price. */
  isReleased: boolean
}

/** What the chain says of one deposit: where it differs, and what could not be read. */
export interface ChainFinding {
  differences: Difference[]
  /** Each a sentence. */
  unread: string[]
}

const assetOf = ({ rail }: Pick<CheckedDeposit, 'rail'>) => rail.split(':')[0] as Asset

/**
 * Compares a deposit with the proof of its own block: that the block stands, and that the transaction pays that amount by
 * that payer. Above `finalizedNumber` a block may just have been replaced, of which the gate hears as well: that is unread,
 * no difference. `located`: where the transaction is, asked only where the block does not show it. Pure.
 */
export function planPaymentCheck(
  deposit: CheckedDeposit,
  evidence: Agreed<Evidence>,
  {
    finalizedNumber,
    located,
  }: { finalizedNumber: bigint; located: Agreed<TransactionLocation | null> | null },
): ChainFinding {
  const { blockNumber, blockHash, quote } = deposit
  const block = `block ${blockNumber} (${blockHash})`
  if (evidence.kind !== 'agreed') return unread(`${block} cannot be read: ${whyNot(evidence)}`)
  const { value } = evidence
  const isCredited = quote !== null
  if (!value.canonical) {
    if (blockNumber > finalizedNumber) return unread(`${block} was replaced by ${value.canonicalHash}`)
    // What is not credited is followed to its block by the gate.
    if (!isCredited) return NOTHING
    return differs(
      deposit,
      'credit-is-in-no-block',
      `is credited for ${block}, where the chain has ${value.canonicalHash}`,
    )
  }
  const isSettled = blockNumber <= finalizedNumber && located?.kind === 'agreed'
  if (isSettled && located.value?.blockHash !== blockHash) {
    const place =
      located.value === null
        ? 'in no block'
        : `in block ${located.value.blockNumber} (${located.value.blockHash})`
    return differs(
      deposit,
      'deposit-is-in-another-block',
      `is recorded in ${block}, its transaction is ${place}`,
    )
  }
  const why = value.unread.find(({ txHash }) => txHash === deposit.txHash)
  if (why !== undefined)
    return unread(`its transaction cannot be read: ${'detail' in why ? why.detail : why.kind}`)
  const transaction = value.transactions.find(({ txHash }) => txHash === deposit.txHash)
  const paid = transaction?.transfers.find(
    ({ asset, payer }) => asset === assetOf(deposit) && payer === deposit.payer,
  )
  if (!transaction?.succeeded || paid === undefined) {
    const isKnown = deposit.reason === 'payment_not_seen' || deposit.reason === 'setup_changed'
    if (isKnown) return unread(`it is held as ${deposit.reason}`)
    return differs(deposit, 'deposit-is-not-on-the-chain', `${block} does not contain this payment`)
  }
  const shortfall = value.shortfalls.find(({ asset }) => asset === paid.asset)
  const arrived =
    paid.amountBaseUnits - (isCredited && shortfall?.deposits === 1 ? shortfall.shortfallBaseUnits : 0n)
  // Until it is proven, what is recorded is what was seen: at most what the column holds.
  const isSame = arrived === deposit.amountBaseUnits || (!isCredited && deposit.reason === 'rpc_disagreement')
  const found: ChainFinding[] = []
  if (!isSame) {
    const detail = `is recorded with ${deposit.amountBaseUnits} base units, its transaction pays ${arrived}`
    found.push(differs(deposit, 'deposit-is-of-another-amount', detail))
  }
  if (isCredited && BigInt(Math.floor(deposit.blockTimestamp.getTime() / 1000)) !== value.timestamp) {
    const detail = `is dated ${deposit.blockTimestamp.toISOString()}, its block has the time ${value.timestamp}`
    found.push(differs(deposit, 'deposit-is-of-another-time', detail))
  }
  return join(found)
}

/** What the RPCs say about the block that a quote names, and about the block that it was priced at. */
export interface QuoteReadings {
  /** The canonical hash at the height of the quote's block. */
  canonicalHash: Agreed<Hash>
  /** The payer's AXGT after the quote's block; null where it was not asked for. */
  axgtBalance: Agreed<bigint> | null
  /** What feed and pool said at the block of the quote's reading; null where it was not asked for. */
  oracle: Agreed<OracleReading> | null
}

/**
 * Compares the quote of a credit with the chain: its block, the payer's AXGT, and what feed and pool said. A credit that
 * followed its transaction to another block keeps the quote of the old one, which is gone from the chain and cannot be read
 * any more. Pure.
 */
export function planQuoteCheck(deposit: CheckedDeposit, quote: Quote, readings: QuoteReadings): ChainFinding {
  const { number, hash } = quote.asOfBlock
  const named = `block ${number} (${hash})`
  const { canonicalHash } = readings
  if (canonicalHash.kind !== 'agreed')
    return unread(`${named} of its quote cannot be read: ${whyNot(canonicalHash)}`)
  const stands = canonicalHash.value === hash
  const isOwn = number === deposit.blockNumber && hash === deposit.blockHash
  if (!stands) {
    if (deposit.isReleased) {
      return differs(
        deposit,
        'quote-is-of-another-block',
        `is quoted at ${named}, where the chain has ${canonicalHash.value}`,
      )
    }
    return unread(`it moved to another block after it was credited, and ${named} of its quote is gone`)
  }
  const found: ChainFinding[] = []
  if (!isOwn && !deposit.isReleased) {
    const detail = `is quoted at ${named}, which stands and is not its own, and nobody released it`
    found.push(differs(deposit, 'quote-is-of-another-block', detail))
  }
  found.push(planBalanceCheck(deposit, quote, readings), planReadingCheck(deposit, quote, readings))
  return join(found)
}

/**
 * Compares a quote with what the settings of now make of the same payment (`now`; null: they make nothing of it). Settings
 * change, so a difference is only told: whoever never changed them knows that somebody else did. Pure.
 */
export function planTermsCheck(given: Quote, now: Quote | null): ChainFinding {
  if (now === null)
    return unread('its terms cannot be compared with the settings, which do not price it any more')
  const terms = ({ tier, bonusPercent, minimumBaseUnits, creditMicros }: Quote) =>
    `tier ${tier.index} (${tier.discountPercent} %), a bonus of ${bonusPercent} %, a minimum of ${minimumBaseUnits} and ${creditMicros} micros`
  if (terms(given) === terms(now)) return NOTHING
  return unread(`its terms are ${terms(given)}; by the settings of now they are ${terms(now)}`)
}

function planBalanceCheck(
  deposit: CheckedDeposit,
  quote: Quote,
  { axgtBalance }: QuoteReadings,
): ChainFinding {
  if (axgtBalance === null) return NOTHING
  if (axgtBalance.kind !== 'agreed') {
    return unread(
      `the payer's AXGT at block ${quote.asOfBlock.number} cannot be read: ${whyNot(axgtBalance)}`,
    )
  }
  if (quote.axgtBalance === axgtBalance.value) return NOTHING
  const detail = `is quoted for ${quote.axgtBalance ?? 'no'} base units of AXGT, the payer had ${axgtBalance.value}`
  return differs(deposit, 'quote-is-for-another-balance', detail)
}

function planReadingCheck(deposit: CheckedDeposit, quote: Quote, { oracle }: QuoteReadings): ChainFinding {
  const stored = quote.price.reading
  if (oracle === null || stored === null) return NOTHING
  const block = `block ${stored.block.number}`
  if (oracle.kind !== 'agreed') return unread(`the prices at ${block} cannot be read: ${whyNot(oracle)}`)
  const said = oracle.value
  const found: ChainFinding[] = []
  const compare = (what: string, before: unknown, now: unknown) => {
    if (textOf(before) === textOf(now)) return
    found.push(
      differs(
        deposit,
        'quote-is-of-another-price',
        `${what} at ${block} is ${textOf(now)}, the quote has ${textOf(before)}`,
      ),
    )
  }
  compare('the block', stored.block, said.block)
  if (stored.ethUsd.feed !== said.ethUsd.feed) {
    found.push(
      unread(`it was priced by the feed ${stored.ethUsd.feed}, and the settings name ${said.ethUsd.feed}`),
    )
  } else compare('the answer of the feed', stored.ethUsd, said.ethUsd)
  const { pool } = stored
  if (quote.price.mode !== 'twap' || pool === null) return join(found)
  if (said.pool?.pool !== pool.pool) {
    found.push(
      unread(`it was priced by the pool ${pool.pool}, and the settings name ${said.pool?.pool ?? 'none'}`),
    )
  } else if (
    pool.kind === 'answered' &&
    said.pool.kind === 'answered' &&
    pool.fast?.seconds !== said.pool.fast?.seconds
  ) {
    found.push(
      unread(`it was priced over ${pool.fast?.seconds} seconds, and AXGT_TWAP_SECONDS is another now`),
    )
  } else {
    compare('what the pool says', fastOf(pool), fastOf(said.pool))
  }
  return join(found)
}

/** What a price at the TWAP rests on; the rest was only judged by. */
function fastOf(pool: NonNullable<OracleReading['pool']>) {
  if (pool.kind === 'silent') return pool
  const { axgtIsToken0, axgtDecimals, wethDecimals, fast } = pool
  return { axgtIsToken0, axgtDecimals, wethDecimals, fast }
}

const NOTHING: ChainFinding = { differences: [], unread: [] }

function unread(why: string): ChainFinding {
  return { differences: [], unread: [why] }
}

function differs({ id }: CheckedDeposit, rule: string, detail: string): ChainFinding {
  return { differences: [{ rule, subject: `deposit ${id}`, detail }], unread: [] }
}

function join(findings: ChainFinding[]): ChainFinding {
  return {
    differences: findings.flatMap(({ differences }) => differences),
    unread: findings.flatMap((finding) => finding.unread),
  }
}

function whyNot(read: Exclude<Agreed<unknown>, { kind: 'agreed' }>): string {
  return 'detail' in read ? read.detail : 'the RPCs do not have it'
}

function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner)) ??
    'nothing'
  )
}
