import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import type { Scene } from './startScene.ts'

// Payments of which each gives an hour, at the prices that `startScene` sets.

/** What each of them gives, in micros. */
export const HOUR = '3600000000'
/** In wei. */
export const ETHER = parseEther('0.0005')
/** In base units of USDC. */
export const DOLLAR = parseUnits('1', 6)

export const payEther = ({ chain }: Scene, from: Address): Promise<Hash> =>
  chain.transferEth({ from, value: ETHER })

export const payUsdc = ({ chain, usdc }: Scene, from: Address): Promise<Hash> =>
  chain.transferToken({ token: usdc, from, amount: DOLLAR })

/** Mines a block with one payment in ETH and one in USDC. */
export async function payBoth(
  scene: Scene,
  payer: Address,
): Promise<{ payer: Address; hashes: [Hash, Hash] }> {
  const { hashes } = await scene.chain.mineWith(payEther(scene, payer), payUsdc(scene, payer))
  return { payer, hashes: hashes as [Hash, Hash] }
}
