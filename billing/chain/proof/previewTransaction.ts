import { type Address, decodeFunctionData, erc20Abi, type Hash, zeroAddress } from 'viem'
import { gather, type Patience, patienceAfter, requiredOf } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { readChainId, transaction, type WireTransaction } from '../rpc/wire.ts'
import type { EvidenceContext } from './evidence.ts'
import type { ProvenTransfer } from './transfers.ts'

/** What is known about a hash without reading blocks. `transfers` is what the sender promises, not a proof. */
export type TransactionPreview =
  | { kind: 'known'; mined: boolean; transfers: ProvenTransfer[] }
  | { kind: 'unknown' }
  | { kind: 'unavailable' }

/**
 * Looks a hash up in the mempools (and blocks) of all RPCs. One that knows it is enough; that nobody knows it takes as many
 * as must agree.
 */
export async function previewTransaction(
  endpoints: RpcEndpoint[],
  context: EvidenceContext,
  txHash: Hash,
): Promise<TransactionPreview> {
  const ask = async (endpoint: RpcEndpoint) => {
    const [answeredChainId, sent] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getTransactionByHash', [txHash], transaction.nullable()),
    ])
    if (answeredChainId !== context.chainId) {
      return { kind: 'wrong_chain' as const, chainId: answeredChainId }
    }
    return { kind: 'answer' as const, value: sent?.hash === txHash ? sent : null }
  }
  const answers = await gather<WireTransaction | null>(endpoints, ask, patienceWithPreviews)
  const given = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
  const sent = given.find((value) => value?.blockHash != null) ?? given.find((value) => value !== null)
  if (sent)
    return { kind: 'known', mined: sent.blockHash !== null, transfers: promisedTransfers(sent, context) }
  return given.length >= requiredOf(answers.length) ? { kind: 'unknown' } : { kind: 'unavailable' }
}

/** A mempool may hold what the others have not heard of. */
const PATIENCE_WITH_NOTHING_MS = 1_000

const patienceWithPreviews: Patience<WireTransaction | null> = (given, { rpcs, elapsedMs }) => {
  if (given.some((sent) => sent?.blockHash != null)) return 0
  if (given.some((sent) => sent !== null)) return patienceAfter(elapsedMs)
  return given.length >= requiredOf(rpcs) ? PATIENCE_WITH_NOTHING_MS : null
}

/** Reads from a transaction's own fields what it would pay if it succeeded. Pure. */
export function promisedTransfers(
  sent: Pick<WireTransaction, 'from' | 'to' | 'value' | 'input'>,
  { wallet, tokens }: Pick<EvidenceContext, 'wallet' | 'tokens'>,
): ProvenTransfer[] {
  if (sent.to === wallet) {
    const pays = sent.value > 0n && sent.from !== wallet
    return pays ? [{ asset: 'eth', payer: sent.from, amountBaseUnits: sent.value }] : []
  }
  const asset = sent.to === null ? undefined : tokens.get(sent.to)
  if (asset === undefined) return []
  const call = decodeTransfer(sent.input)
  if (call === null || call.to !== wallet || call.amount === 0n) return []
  const payer = call.from ?? sent.from
  if (payer === wallet || payer === zeroAddress) return []
  return [{ asset, payer, amountBaseUnits: call.amount }]
}

function decodeTransfer(input: `0x${string}`): { from: Address | null; to: Address; amount: bigint } | null {
  try {
    const { functionName, args } = decodeFunctionData({ abi: erc20Abi, data: input })
    if (functionName === 'transfer') {
      return { from: null, to: args[0].toLowerCase() as Address, amount: args[1] }
    }
    if (functionName === 'transferFrom') {
      const from = args[0].toLowerCase() as Address
      return { from, to: args[1].toLowerCase() as Address, amount: args[2] }
    }
    return null
  } catch {
    // Another call, or bytes that are no call.
    return null
  }
}
