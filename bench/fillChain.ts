import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import type { TestChain, TestToken } from '../test/support/createChain.ts'

/** One payment as it was sent. */
export interface Payment {
  asset: 'eth' | 'usdc'
  payer: Address
  amount: bigint
  txHash: Hash
}

/** A block and the payments in it. */
export interface PaidBlock {
  number: bigint
  hash: Hash
  timestamp: bigint
  payments: Payment[]
}

const ETHER = parseEther('0.0005')
const DOLLAR = parseUnits('1', 6)

/** Mines blocks full of payments to the revenue wallet, ETH and USDC in turn, by all accounts that hold ETH. */
export async function fillChain(
  chain: TestChain,
  usdc: TestToken,
  { blocks, paymentsPerBlock }: { blocks: number; paymentsPerBlock: number },
): Promise<PaidBlock[]> {
  const { revenue, ...others } = chain.accounts
  const payers = Object.values(others)
  await chain.mineWith(...payers.map((payer) => chain.mintToken(usdc, payer, parseUnits('1000000', 6))))
  const paid: PaidBlock[] = []
  for (let block = 0; block < blocks; block++) {
    const payments: Payment[] = []
    for (let index = 0; index < paymentsPerBlock; index++) {
      const payer = payers[index % payers.length] ?? revenue
      const asset = index % 2 === 0 ? 'eth' : 'usdc'
      const txHash =
        asset === 'eth'
          ? await chain.transferEth({ from: payer, value: ETHER })
          : await chain.transferToken({ token: usdc, from: payer, amount: DOLLAR })
      payments.push({ asset, payer, amount: asset === 'eth' ? ETHER : DOLLAR, txHash })
    }
    await chain.mine()
    const { number, hash, timestamp, transactions } = await chain.client.getBlock()
    if (transactions.length !== paymentsPerBlock)
      throw new Error(`block ${number} holds ${transactions.length}`)
    paid.push({ number, hash, timestamp, payments })
  }
  return paid
}
