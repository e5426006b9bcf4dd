import { type Hash, parseEther } from 'viem'
import type { BlockRef } from './createChain.ts'
import type { Scene } from './startScene.ts'
import { waitForPass } from './waitForPass.ts'
import { waitUntil } from './waitUntil.ts'

const WITHIN_MS = 40_000

/**
 * Mines the sends in one block together with an ordinary payment, five blocks on top, and waits until that payment is
 * credited and the gate's pass is over. Whatever is to come of the block has come by then, so a test may say that
 * something did not.
 */
export async function mineBesideControl(
  scene: Scene,
  ...sends: (Promise<Hash> | Hash)[]
): Promise<BlockRef & { hashes: Hash[] }> {
  const { chain, database } = scene
  const control = chain.transferEth({ from: chain.accounts.other, value: parseEther('0.0005') })
  const block = await chain.mineWith(...sends, control)
  await chain.mine(5)
  const hashes = block.hashes.slice(0, -1)
  const last = block.hashes.at(-1) ?? '0x'
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ state: string }[]>`
        select state from credits.deposit where tx_hash = ${last}`
      return row?.state === 'credited'
    },
    { withinMs: WITHIN_MS, what: 'the control payment to be credited' },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${scene.service.logs().slice(-4_000)}`)
  })
  await waitForPass(scene)
  return { ...block, hashes }
}
