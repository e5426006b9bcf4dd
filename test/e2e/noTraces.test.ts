import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Scene, startScene } from '../support/startScene.ts'

// Case 27: ETH_DETECTION=traces, as by default, and an RPC that has no debug_trace….

let scene: Scene

beforeAll(async () => {
  scene = await startScene({
    proxies: 1,
    prepare([proxy]) {
      for (const method of ['debug_traceBlockByNumber', 'debug_traceBlockByHash', 'debug_traceTransaction']) {
        proxy?.without(method)
      }
    },
  })
})
afterAll(async () => {
  const differences = await scene?.differences()
  await scene?.stop()
  expect(differences).toEqual([])
})

const HOUR = '3600000000'

test('starts, and warns in the log that internal payments will not be seen', async () => {
  const warning = scene.service
    .logs()
    .split('\n')
    .find((line) => line.includes('internal ETH payments'))
  expect(JSON.parse(warning ?? '{}')).toMatchObject({ level: 40, chainId: 31337 })
  expect((await scene.service.request('/health/ready')).status).toBe(200)
})

test('credits ETH of plain transactions and tokens, each exactly once', async () => {
  const { chain, usdc } = scene
  const payer = await scene.newPayer()
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: payer, value: parseEther('0.0005') }),
    chain.transferToken({ token: usdc, from: payer, amount: parseUnits('1', 6) }),
  )
  await chain.mine(5)
  for (const hash of hashes) await scene.deposit(hash, 'credited')
  expect(await scene.booksOf(payer)).toMatchObject({
    entries: [
      { kind: 'deposit', micros: HOUR },
      { kind: 'deposit', micros: HOUR },
    ],
    balanceMicros: '7200000000',
  })
})

test('credits many ETH payments in one block, where the whole block is asked for', async () => {
  const { chain } = scene
  const payer = await scene.newPayer()
  const { hashes } = await chain.mineWith(
    ...Array.from({ length: 9 }, () => chain.transferEth({ from: payer, value: parseEther('0.0005') })),
  )
  await chain.mine(5)
  for (const hash of hashes) await scene.deposit(hash, 'credited')
  expect((await scene.booksOf(payer)).balanceMicros).toBe(String(9n * BigInt(HOUR)))
})

test('credits no internal payment, neither by itself nor when its hash is submitted', async () => {
  const { chain, service } = scene
  const contract = await chain.deploy('MultiPayer')
  const { revenue } = chain.accounts
  const value = parseEther('1')
  const internal = await chain.mineWith(
    chain.call({ contract, functionName: 'payEth', args: [revenue, [value]], value }),
  )
  const hash = internal.hashes[0] as Hash
  const control = await scene.newPayer()
  const sent = await chain.mineWith(chain.transferEth({ from: control, value: parseEther('0.0005') }))
  await chain.mine(5)
  await scene.deposit(sent.hashes[0] as Hash, 'credited')

  const submitted = await service.request('/v1/deposits', { json: { txHash: hash } })
  expect(submitted).toMatchObject({ status: 422, body: { code: 'no_qualifying_transfer' } })
  const looked = await service.request(`/v1/transactions/${hash}`)
  expect(looked).toMatchObject({ status: 200, body: { outcome: 'no_qualifying_transfer', deposits: [] } })
  for (const nobody of [contract.address, chain.accounts.attacker]) {
    expect(await scene.booksOf(nobody)).toEqual({ deposits: [], entries: [], events: [], balanceMicros: '0' })
  }
})

test('takes a transaction that failed for no payment, also without traces', async () => {
  const { chain, service } = scene
  const failing = await chain.deploy('RevertingPayer')
  const { revenue, attacker } = chain.accounts
  const failed = await chain.mineWith(
    chain.call({ contract: failing, functionName: 'payAndFail', args: [revenue], value: parseEther('1') }),
  )
  await chain.mine(6)
  const answer = await service.request('/v1/deposits', { json: { txHash: failed.hashes[0] } })
  expect(answer).toMatchObject({ status: 422, body: { code: 'transaction_failed' } })
  expect((await scene.booksOf(attacker)).deposits).toEqual([])
})
