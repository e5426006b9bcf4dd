import { type Address, type Hash, pad } from 'viem'
import { z } from 'zod'
import { readBalances } from '../contracts/readBalances.ts'
import type { ChainState } from '../rpc/openState.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { log } from '../rpc/wire.ts'
import type { EvidenceContext, TokenShortfall, TransactionEvidence } from './evidence.ts'
import { TRANSFER_TOPIC } from './transfers.ts'

/**
 * Compares the wallet's gain by the block's Transfer logs with the gain of its balance. A token that takes a fee on
 * transfer logs the full amount and delivers less; credit must not exceed what arrived.
 *
 * The logs of the proven transactions usually explain the whole difference. Only when they do not, this asks for all of the
 * block's transfers of that token to and from the wallet. Asks for the balances in the tick in which it is called.
 *
 * @param states The state after the block, and after the block before it.
 */
export async function readTokenShortfalls(
  endpoint: RpcEndpoint,
  context: EvidenceContext,
  block: { hash: Hash },
  {
    states,
    transactions,
  }: { states: { before: ChainState; after: ChainState }; transactions: TransactionEvidence[] },
): Promise<TokenShortfall[]> {
  const proven = transactions.flatMap(({ transfers }) => transfers)
  const paid = [...context.tokens].filter(([, asset]) => proven.some((transfer) => transfer.asset === asset))
  if (paid.length === 0) return []
  const queries = paid.map(([token]) => ({ token, holder: context.wallet }))
  const [before, after] = await Promise.all([
    readBalances(states.before, queries),
    readBalances(states.after, queries),
  ])

  const shortfalls: TokenShortfall[] = []
  for (const [index, [token, asset]] of paid.entries()) {
    const gained = (after[index] ?? 0n) - (before[index] ?? 0n)
    const provenSum = proven
      .filter((transfer) => transfer.asset === asset)
      .reduce((sum, { amountBaseUnits }) => sum + amountBaseUnits, 0n)
    if (gained === provenSum) continue
    const { net, deposits } = await readNetOfLogs(endpoint, token, context.wallet, block.hash)
    if (gained < net) shortfalls.push({ asset, shortfallBaseUnits: net - gained, deposits })
  }
  return shortfalls
}

const logs = z.array(log)

async function readNetOfLogs(endpoint: RpcEndpoint, token: Address, wallet: Address, blockHash: Hash) {
  const topic = pad(wallet)
  const ask = (topics: (string | null)[]) =>
    endpoint.request('eth_getLogs', [{ blockHash, address: token, topics }], logs)
  const [arrived, left] = await Promise.all([
    ask([TRANSFER_TOPIC, null, topic]),
    ask([TRANSFER_TOPIC, topic]),
  ])
  const sum = (found: z.output<typeof logs>) =>
    found.reduce((total, { data }) => total + (data.length === 66 ? BigInt(data) : 0n), 0n)
  const deposits = new Set(arrived.map(({ transactionHash, topics }) => `${transactionHash} ${topics[1]}`))
  return { net: sum(arrived) - sum(left), deposits: deposits.size }
}
