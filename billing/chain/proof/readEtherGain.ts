import { type Address, type Hash, numberToHex } from 'viem'
import { z } from 'zod'
import type { Answer } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { hash, quantity, readChainId } from '../rpc/wire.ts'

const block = z
  .object({
    hash,
    transactions: z.array(z.looseObject({ hash, from: z.string().toLowerCase(), value: quantity })),
  })
  .nullable()

/** `l1Fee`: what rollups charge beside. */
const paidReceipt = z.object({
  status: z.string(),
  gasUsed: quantity,
  effectiveGasPrice: quantity,
  l1Fee: quantity.nullish(),
})

/**
 * Asks one RPC how much ETH came to the wallet with a block, in wei: what its balance gained, and what its own transactions
 * took from it in value and fees. What moves out of it otherwise (it is a contract) makes this less.
 *
 * Not a proof: only to tell whether something is missing. Costs 5 requests, and one for each transaction of the wallet's.
 */
export async function readEtherGain(
  endpoint: RpcEndpoint,
  { chainId, wallet }: { chainId: number; wallet: Address },
  { number, hash: blockHash }: { number: bigint; hash: Hash },
): Promise<Answer<bigint>> {
  const balanceAt = (height: bigint) =>
    endpoint.request('eth_getBalance', [wallet, numberToHex(height)], quantity)
  const readBlock = () => endpoint.request('eth_getBlockByNumber', [numberToHex(number), true], block)
  const [answeredChainId, found, after, before] = await Promise.all([
    readChainId(endpoint),
    readBlock(),
    balanceAt(number),
    balanceAt(number - 1n),
  ])
  if (answeredChainId !== chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  if (found === null || found.hash !== blockHash) return { kind: 'behind' }
  let spent = 0n
  for (const sent of found.transactions.filter(({ from }) => from === wallet)) {
    const mined = await endpoint.request('eth_getTransactionReceipt', [sent.hash], paidReceipt)
    spent += mined.gasUsed * mined.effectiveGasPrice + (mined.l1Fee ?? 0n)
    if (mined.status === '0x1') spent += sent.value
  }
  return { kind: 'answer', value: after - before + spent }
}
