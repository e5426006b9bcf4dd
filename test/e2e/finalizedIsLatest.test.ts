import { parseEther } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner } from '../support/newSigner.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// One RPC that calls its newest block final: believed, it would end the watch of each credit with the credit.

const HOUR = 3_600_000_000n

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let gate: GateScene

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  proxy = await createRpcProxy(chain.rpcUrl)
  proxy.finalizeLatest()
  await chain.mine(20)
  gate = await startGateScene({ chain, database, rpcUrls: proxy.url })
})
afterAll(async () => {
  const differences = await gate?.differences()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
  expect(differences).toEqual([])
})

test('finalized equals latest → counts as no tag, with an alarm; a reorg of 9 reverses the credit', async () => {
  const payer = await newSigner(chain)
  const { hash, raw } = await payer.payEther(parseEther('0.0005'))
  await chain.mineWith(chain.resend(raw))
  await gate.submit(hash)
  await chain.mine(5)
  await gate.pass()
  await chain.mine(3)
  await gate.pass()
  expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', final: false })
  expect(gate.reports.findLast(({ kind }) => kind === 'problem')).toMatchObject({
    problem: expect.stringMatching(/^rpc 1 \(127\.0\.0\.1:\d+\) calls blocks final that are too new to be/),
  })

  await chain.reorg(9)
  await gate.pass()
  await gate.pass()
  expect(await gate.deposit(hash)).toMatchObject({ state: 'reversed', final: false })
  expect(await gate.ledger(payer.address)).toEqual({
    references: ['deposit 1', 'deposit_reversal 1'],
    balanceMicros: 0n,
  })

  await chain.mineWith(chain.resend(raw))
  await chain.mine(5)
  gate.skip(60_000)
  await gate.pass()
  await gate.pass()
  expect(await gate.deposit(hash)).toMatchObject({ state: 'credited', attempt: 2 })
  expect((await gate.ledger(payer.address)).balanceMicros).toBe(HOUR)
})

test('the chain is ready all the same: each pass succeeds', async () => {
  expect(await gate.pass()).toBe(true)
  await proxy.heal()
  expect(await gate.pass()).toBe(true)
  expect(gate.reports.findLast(({ kind }) => kind === 'problem')).toMatchObject({ problem: null })
})
