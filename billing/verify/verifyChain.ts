import pLimit from 'p-limit'
import type { Address, Hash } from 'viem'
import type { Evidence, EvidenceRequest } from '../chain/proof/evidence.ts'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import type { Agreed } from '../chain/rpc/agree.ts'
import type { Asset } from '../config/config.ts'
import type { Sql } from '../database/connect.ts'
import { groupBy } from '../deposits/deposit.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import { type Quote, quote } from '../pricing/quote.ts'
import { quoteFromJson } from '../pricing/quoteJson.ts'
import {
  type ChainStep,
  findUnrecorded,
  type SearchedRange,
  searchRange,
  verifySubmitted,
} from './findUnrecorded.ts'
import {
  type CheckedDeposit,
  planPaymentCheck,
  planQuoteCheck,
  planTermsCheck,
  type QuoteReadings,
} from './planChainCheck.ts'

/** Blocks whose proof is held in memory at a time. */
const MAX_BLOCKS_IN_FLIGHT = 4
/** Of orphaned and reversed ones nothing stands that the chain could show. */
const CHECKED_STATES = ['pending', 'held', 'credited']
/** Deposits read at a time. */
const DEPOSITS_PER_PAGE = 500

/**
 * Proves the recorded payments once more on the RPCs, by the code that credits them: that each stands in its block, pays
 * what is recorded, and, where it is credited, that block, balance and prices of its quote are the chain's; that its
 * transaction and those that were submitted hold no payment that is not recorded; and, in a range of blocks, that nothing was
 * paid that is not. What a database cannot show of itself, this shows.
 *
 * Reads only, page by page and not as of one moment: safe beside a running service, whose reorgs of the newest blocks are told as
 * unread. The state of old blocks (balances, prices) takes an archive node.
 */
export async function* verifyChain(deps: GateDeps, ranges: SearchedRange[] = []): AsyncGenerator<ChainStep> {
  for (const chain of deps.chains.values()) {
    const reading = await chain.reader.readHead()
    if (reading.kind !== 'agreed') {
      yield {
        kind: 'unread',
        subject: `chain ${chain.chainId}`,
        why: `its head cannot be read: ${reading.problem}`,
      }
      continue
    }
    yield* verifyDepositsOf(deps, chain, reading.head)
    yield* verifySubmitted(deps, chain, reading.head)
    for (const range of ranges) {
      if (range.chainId === chain.chainId) yield* searchRange(deps, chain, { ...range, head: reading.head })
    }
  }
  const others = await deps.sql<{ chainId: bigint; deposits: bigint }[]>`
    select chain_id as "chainId", count(*) as deposits from credits.deposit
    where chain_id <> all(${[...deps.chains.keys()]}::bigint[]) group by chain_id`
  for (const { chainId, deposits } of others) {
    yield {
      kind: 'unread',
      subject: `chain ${chainId}`,
      why: `it is not configured, and has ${deposits} deposits`,
    }
  }
}

async function* verifyDepositsOf(deps: GateDeps, chain: GateChain, head: Head): AsyncGenerator<ChainStep> {
  const { chainId } = chain
  const what = `payments on chain ${chainId}`
  const [all] = await deps.sql<{ count: bigint }[]>`
    select count(*) as count from credits.deposit where chain_id = ${chainId} and state = any(${CHECKED_STATES}::text[])`
  const of = all?.count ?? 0n
  const limit = pLimit(MAX_BLOCKS_IN_FLIGHT)
  let count = 0n
  let after = { blockNumber: -1n, id: '' }
  yield { kind: 'checked', what, count, of }
  for (;;) {
    const page = await readDeposits(deps.sql, chainId, after)
    const last = page.at(-1)
    if (last === undefined) return
    const blocks = [...groupBy(page, keyOf).values()]
    for (const steps of await Promise.all(
      blocks.map((block) => limit(() => verifyBlock(deps, chain, head, block))),
    )) {
      yield* steps
    }
    after = { blockNumber: last.blockNumber, id: last.id }
    count += BigInt(page.length)
    yield { kind: 'checked', what, count, of }
  }
}

/** Those of one block, seen under the same wallet and token, are proven together. */
const keyOf = ({ blockNumber, blockHash, seenWallet, seenToken }: CheckedDeposit) =>
  [blockNumber, blockHash, seenWallet, seenToken].join()

async function verifyBlock(
  deps: GateDeps,
  chain: GateChain,
  head: Head,
  deposits: CheckedDeposit[],
): Promise<ChainStep[]> {
  const [first] = deposits
  if (first === undefined) return []
  if (first.blockNumber > head.number) return []
  const evidence = await readEvidence(deps, chain, first, deposits)
  const steps: ChainStep[] = []
  for (const deposit of deposits) {
    const located = isMissing(evidence, deposit.txHash) ? await chain.reader.locate(deposit.txHash) : null
    const { finalizedNumber } = head
    const payment = planPaymentCheck(deposit, evidence, { finalizedNumber, located })
    const isInBlock = evidence.kind === 'agreed' && evidence.value.canonical
    const findings = [payment]
    if (deposit.quote !== null && isInBlock) {
      findings.push(planQuoteCheck(deposit, deposit.quote, await readQuote(chain, deposit.quote, deposit)))
      findings.push(planTermsCheck(deposit.quote, quoteByTheSettings(deps, deposit, deposit.quote)))
    }
    const differences = findings.flatMap((finding) => finding.differences)
    // The gate may have changed the row since it was read: what differs is looked at once more.
    if (differences.length > 0 && (await hasChanged(deps.sql, deposit))) continue
    steps.push(...differences.map((difference) => ({ kind: 'difference' as const, difference })))
    const subject = `deposit ${deposit.id}`
    steps.push(
      ...findings.flatMap(({ unread }) => unread.map((why) => ({ kind: 'unread' as const, subject, why }))),
    )
  }
  if (
    evidence.kind === 'agreed' &&
    evidence.value.canonical &&
    first.blockNumber <= deepestBlock(head, chain.confirmations)
  ) {
    steps.push(...(await findUnrecorded(deps, chain, evidence.value.transactions)))
  }
  return steps
}

/** Whether the block stands and the RPCs do not show the transaction's receipt in it. */
function isMissing(evidence: Agreed<Evidence>, txHash: Hash): boolean {
  if (evidence.kind !== 'agreed' || !evidence.value.canonical) return false
  return evidence.value.unread.some((one) => one.txHash === txHash && one.kind === 'behind')
}

/** With what tokens delivered, where the state is still there; without it the logs are believed. */
async function readEvidence(
  deps: GateDeps,
  chain: GateChain,
  { blockNumber: number, blockHash: hash, seenWallet, seenToken, rail }: CheckedDeposit,
  deposits: CheckedDeposit[],
): Promise<Agreed<Evidence>> {
  const ether = new Map<Hash, boolean>()
  for (const deposit of deposits) {
    ether.set(deposit.txHash, (ether.get(deposit.txHash) ?? false) || deposit.rail.startsWith('eth:'))
  }
  const asset = rail.split(':')[0] as Asset
  const configured = deps.rails.get(rail)?.config.token ?? null
  const isOther = seenWallet !== null && (seenWallet !== chain.setup.wallet || seenToken !== configured)
  const request: EvidenceRequest = {
    block: { number, hash },
    transactions: [...ether].map(([txHash, asksEther]) => ({ txHash, ether: asksEther })),
    state: deposits.some(({ quote }) => quote !== null),
    ...(isOther
      ? {
          under: {
            wallet: seenWallet,
            tokens: new Map(seenToken === null ? [] : [[seenToken, asset] as const]),
          },
        }
      : {}),
  }
  const whole = await chain.reader.readEvidence(request)
  if (whole.kind !== 'state_unavailable') return whole
  return chain.reader.readEvidence({ ...request, state: false })
}

/** What the chain says of the block, the balance and the prices that a credit's quote names. */
async function readQuote(
  { reader }: GateChain,
  given: Quote,
  { payer, rail }: CheckedDeposit,
): Promise<QuoteReadings> {
  const { number } = given.asOfBlock
  const { reading } = given.price
  const [canonicalHash, balances, oracle] = await Promise.all([
    reader.readCanonicalHash(number),
    rail.startsWith('eth:') ? reader.readAxgtBalances([payer], number) : null,
    reading === null ? null : reader.readOracle(reading.block.number),
  ])
  if (balances?.kind !== 'agreed') return { canonicalHash, axgtBalance: balances, oracle }
  const [balance] = balances.value
  return {
    canonicalHash,
    axgtBalance: balance === undefined ? null : { kind: 'agreed', value: balance },
    oracle,
  }
}

/** What the settings of now make of the same amount, balance and prices; null where the rail is not enabled any more. */
function quoteByTheSettings(
  deps: GateDeps,
  { chainId, rail, payer }: CheckedDeposit,
  given: Quote,
): Quote | null {
  const enabled = deps.rails.get(rail)
  if (enabled === undefined) return null
  const decimals = deps.axgtDecimals.get(chainId)
  const { axgtBalance, amountBaseUnits, asOfBlock, price } = given
  const outcome = quote({
    pricing: deps.pricing,
    rail: enabled.config,
    decimals: enabled.decimals,
    wallet: payer,
    amountBaseUnits,
    axgt: axgtBalance === null || decimals === undefined ? null : { balance: axgtBalance, decimals },
    block: asOfBlock,
    oracle: price.reading,
    history: null,
    deviation: 'accepted',
  })
  return outcome.kind === 'quoted' ? outcome.quote : null
}

async function hasChanged(sql: Sql, { id, blockHash, state }: CheckedDeposit): Promise<boolean> {
  const [row] = await sql<{ same: boolean }[]>`
    select block_hash = ${blockHash} and state = ${state} as same from credits.deposit where id = ${id}`
  return row?.same !== true
}

type Row = Omit<CheckedDeposit, 'chainId' | 'amountBaseUnits' | 'quote'> & {
  amountBaseUnits: string
  seenWallet: Address | null
  quote: unknown
}

async function readDeposits(
  sql: Sql,
  chainId: number,
  after: { blockNumber: bigint; id: string },
): Promise<CheckedDeposit[]> {
  const rows = await sql<Row[]>`
    select d.id, d.tx_hash as "txHash", d.rail, d.payer, d.state, d.reason, d.amount_base_units as "amountBaseUnits",
      d.block_number as "blockNumber", d.block_hash as "blockHash", d.block_timestamp as "blockTimestamp",
      d.seen_wallet as "seenWallet", d.seen_token as "seenToken", c.quote,
      exists (select from credits.deposit_release r where r.deposit_id = d.id and r.attempt = c.attempt) as "isReleased"
    from credits.deposit d
    left join credits.deposit_credit c on c.deposit_id = d.id and c.reversal_entry_id is null
    where d.chain_id = ${chainId} and d.state = any(${CHECKED_STATES}::text[])
      and (d.block_number, d.id) > (${after.blockNumber.toString()}::bigint, ${after.id})
    order by d.block_number, d.id limit ${DEPOSITS_PER_PAGE}`
  return rows.map((row) => {
    const parsed = row.quote === null ? null : quoteFromJson(row.quote)
    // One that cannot be read is named by the verification of the books.
    const quote = parsed?.kind === 'quote' ? parsed.quote : null
    return { ...row, chainId, amountBaseUnits: BigInt(row.amountBaseUnits), quote }
  })
}
