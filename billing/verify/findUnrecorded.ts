import type { Hash } from 'viem'
import type { TransactionEvidence } from '../chain/proof/evidence.ts'
import { deepestBlock, type Head } from '../chain/readHead.ts'
import { depositId, groupBy, railOf } from '../deposits/deposit.ts'
import type { GateChain, GateDeps } from '../gate/gateDeps.ts'
import type { Difference } from './differences.ts'

/** Blocks of one step through a range: few enough to search for ETH. */
const BLOCKS_PER_STEP = 25n

/** What a verification against the chain yields. `unread` is nothing wrong: only what the RPCs could not say. */
export type ChainStep =
  | { kind: 'difference'; difference: Difference }
  | { kind: 'unread'; subject: string; why: string }
  | { kind: 'checked'; what: string; count: bigint; of?: bigint }

/** Blocks to search for payments that are not recorded, inclusive. */
export interface SearchedRange {
  chainId: number
  fromBlock: bigint
  /** null: to the deepest block that is credited. */
  toBlock: bigint | null
}

/** Transactions that somebody handed in, and that the gate has not found: have they been mined after all? */
export async function* verifySubmitted(
  deps: GateDeps,
  chain: GateChain,
  head: Head,
): AsyncGenerator<ChainStep> {
  const { chainId, reader } = chain
  const rows = await deps.sql<{ txHash: Hash }[]>`
    select tx_hash as "txHash" from credits.submitted_transaction where chain_id = ${chainId} order by tx_hash limit 10000`
  for (const { txHash } of rows) {
    const located = await reader.locate(txHash)
    if (located.kind !== 'agreed') {
      yield {
        kind: 'unread',
        subject: `transaction ${txHash}`,
        why: 'detail' in located ? located.detail : 'the RPCs do not have it',
      }
      continue
    }
    if (located.value === null || located.value.blockNumber > deepestBlock(head, chain.confirmations))
      continue
    const { blockNumber: number, blockHash: hash } = located.value
    const evidence = await reader.readEvidence({
      block: { number, hash },
      transactions: [{ txHash, ether: true }],
      state: false,
    })
    if (evidence.kind === 'agreed' && evidence.value.canonical)
      yield* await findUnrecorded(deps, chain, evidence.value.transactions)
  }
  if (rows.length > 0)
    yield { kind: 'checked', what: `submitted transactions on chain ${chainId}`, count: BigInt(rows.length) }
}

export async function* searchRange(
  deps: GateDeps,
  chain: GateChain,
  { fromBlock, toBlock, head }: SearchedRange & { head: Head },
): AsyncGenerator<ChainStep> {
  const deepest = deepestBlock(head, chain.confirmations)
  const end = toBlock === null || toBlock > deepest ? deepest : toBlock
  const ether = deps.rails.has(railOf('eth', chain.chainId))
  const what = `blocks on chain ${chain.chainId}`
  const of = end < fromBlock ? 0n : end - fromBlock + 1n
  yield { kind: 'checked', what, count: 0n, of }
  for (let from = fromBlock; from <= end; from += BLOCKS_PER_STEP) {
    const to = from + BLOCKS_PER_STEP - 1n < end ? from + BLOCKS_PER_STEP - 1n : end
    const found = await chain.reader.findTransfers({ fromBlock: from, toBlock: to, ether })
    const byTransaction = groupBy(found, ({ txHash }) => txHash)
    yield* await findUnrecorded(
      deps,
      chain,
      [...byTransaction].map(([txHash, transfers]) => ({ txHash, succeeded: true, transfers })),
    )
    yield { kind: 'checked', what, count: to - fromBlock + 1n, of }
  }
}

/** Payments on enabled rails that no deposit records. */
export async function findUnrecorded(
  { sql, rails }: GateDeps,
  { chainId }: GateChain,
  transactions: TransactionEvidence[],
): Promise<ChainStep[]> {
  const payments = transactions.flatMap(({ txHash, succeeded, transfers }) =>
    transfers
      .filter(({ asset }) => succeeded && rails.has(railOf(asset, chainId)))
      .map(({ asset, payer, amountBaseUnits }) => ({
        id: depositId({ chainId, txHash, asset, payer }),
        amountBaseUnits,
      })),
  )
  if (payments.length === 0) return []
  const known = await sql<{ id: string }[]>`
    select id from credits.deposit where id = any(${payments.map(({ id }) => id)}::text[])`
  const ids = new Set(known.map(({ id }) => id))
  return payments
    .filter(({ id }) => !ids.has(id))
    .map(({ id, amountBaseUnits }) => ({
      kind: 'difference',
      difference: {
        rule: 'payment-is-not-recorded',
        subject: `deposit ${id}`,
        detail: `the chain has this payment of ${amountBaseUnits} base units, and nothing records it`,
      },
    }))
}
