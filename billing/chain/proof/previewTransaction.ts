import { type Address, decodeFunctionData, erc20Abi, type Hash, zeroAddress } from 'viem'
import { gather } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { readChainId, transaction, type WireTransaction } from '../rpc/wire.ts'
import type { EvidenceContext } from './evidence.ts'
import type { ProvenTransfer } from './transfers.ts'

/** What is known about a hash without reading blocks. `transfers` is what the sender promises, not a proof. */
export type TransactionPreview =
  | { kind: 'known'; mined: boolean; transfers: ProvenTransfer[] }
  | { kind: 'unknown' }
  | { kind: 'unavailable' }

/** Looks a hash up in the mempools (and blocks) of all RPCs; one that knows it is enough. */
export async function previewTransaction(
  endpoints: RpcEndpoint[],
  context: EvidenceContext,
  txHash: Hash,
): Promise<TransactionPreview> {
  const answers = await gather<WireTransaction | null>(endpoints, async (endpoint) => {
    const [answeredChainId, sent] = await Promise.all([
      readChainId(endpoint),
      endpoint.request('eth_getTransactionByHash', [txHash], transaction.nullable()),
    ])
    if (answeredChainId !== context.chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
    return { kind: 'answer', value: sent?.hash === txHash ? sent : null }
  })
  const given = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
  const sent = given.find((value) => value?.blockHash != null) ?? given.find((value) => value !== null)
  if (sent)
    return { kind: 'known', mined: sent.blockHash !== null, transfers: promisedTransfers(sent, context) }
  return given.length === answers.length ? { kind: 'unknown' } : { kind: 'unavailable' }
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
