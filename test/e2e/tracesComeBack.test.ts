import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// An RPC without debug_trace… at the start that has it later, as a node whose settings are mended: the service goes back to
// traces by itself, and what was paid from contracts meanwhile is credited.

let scene: Scene

beforeAll(async () => {
  scene = await startScene({
    proxies: 1,
    prepare([proxy]) {
      for (const method of ['debug_traceBlockByNumber', 'debug_traceBlockByHash', 'debug_traceTransaction']) {
        proxy?.respondStatus(method, {
          status: 403,
          error: { code: -32_600, message: `${method} is not available on this node` },
        })
      }
    },
  })
})
afterAll(async () => {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
})

const warnings = () => scene.service.logs().split('internal ETH payments (from Safes').length - 1

test('says at the start that internal payments are not seen, goes back to traces, and credits what was missed', async () => {
  const { chain } = scene
  expect(warnings()).toBe(1)
  const contract = await chain.deploy('MultiPayer')
  const value = parseEther('0.0005')
  const args = [chain.accounts.revenue, [value]]
  const paid = await chain.mineWith(chain.call({ contract, functionName: 'payEth', args, value }))
  const plain = await chain.mineWith(chain.transferEth({ from: await scene.newPayer(), value }))
  await chain.mine(6)
  await scene.deposit(plain.hashes[0] as Hash, 'credited')
  expect((await scene.booksOf(contract.address)).entries).toEqual([])

  await scene.proxies[0]?.heal()
  await waitUntil(() => scene.service.logs().includes('the RPCs trace again'), {
    withinMs: 120_000,
    what: 'the service to go back to traces',
    everyMs: 500,
  })
  await waitUntil(
    async () => {
      await chain.mine(1)
      return (await scene.booksOf(contract.address).catch(() => null))?.balanceMicros === '3600000000'
    },
    { withinMs: 120_000, what: 'the internal payment to be credited', everyMs: 1_000 },
  )
  const { entries } = await scene.booksOf(contract.address)
  expect(entries.map(({ kind, reference }) => [kind, reference.includes(paid.hashes[0] as Hash)])).toEqual([
    ['deposit', true],
  ])
  expect(warnings()).toBe(1)
}, 400_000)
