import pLimit from 'p-limit'
import { type Address, encodeFunctionData, erc20Abi, numberToHex } from 'viem'
import type { PaidBlock } from './fillChain.ts'

/**
 * Reads blocks as the gate does (receipts, transactions, balances), by bare fetch: the cost of the node alone. Returns
 * seconds.
 */
export async function readBare(
  rpcUrl: string,
  token: Address,
  wallet: Address,
  blocks: PaidBlock[],
): Promise<number> {
  const balanceOf = encodeFunctionData({ abi: erc20Abi, functionName: 'balanceOf', args: [wallet] })
  const ask = async (method: string, params: unknown[]) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    await response.json()
  }
  const limit = pLimit(8)
  const startedAt = performance.now()
  await Promise.all(
    blocks.map(({ number }) =>
      limit(async () => {
        const height = numberToHex(number)
        await Promise.all([ask('eth_chainId', []), ask('eth_getBlockByNumber', [height, false])])
        await ask('eth_getBlockReceipts', [height])
        await ask('eth_getBlockByNumber', [height, true])
        const call = { to: token, data: balanceOf }
        await Promise.all([
          ask('eth_call', [call, height]),
          ask('eth_call', [call, height]),
          ask('eth_call', [call, numberToHex(number - 1n)]),
        ])
        await ask('eth_getBlockByNumber', [height, false])
      }),
    ),
  )
  return (performance.now() - startedAt) / 1000
}
