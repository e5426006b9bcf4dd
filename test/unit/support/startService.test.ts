import { type Hash, parseEther } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { baseSettings } from '../../support/baseSettings.ts'
import { createChain, type TestChain } from '../../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../../support/createTestDatabase.ts'
import { listProcesses } from '../../support/listProcesses.ts'
import { type Service, startService } from '../../support/startService.ts'
import { waitUntil } from '../../support/waitUntil.ts'

let chain: TestChain
let database: TestDatabase
let service: Service
beforeAll(async () => {
  chain = await createChain()
  database = await createTestDatabase()
  const tokens = await chain.deployTokens()
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: tokens },
  })
  service = await startService(settings)
})
afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

it('tells the processes of the service apart', () => {
  const { supervisor, billing, indexer, postgres } = service.pids()
  expect(new Set([supervisor, billing, indexer]).size).toBe(3)
  expect(indexer).toBeTypeOf('number')
  expect(billing).toBeTypeOf('number')
  expect(postgres).toBeUndefined()
})

it('credits a payment on the test chain', async () => {
  const { hashes } = await chain.mineWith(
    chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
  )
  await chain.mine(5)
  const settled = async () => {
    const { body } = await service.request(`/v1/transactions/${hashes[0] as Hash}`)
    return (body as { outcome: string }).outcome === 'settled'
  }
  await waitUntil(settled, { withinMs: 20_000, what: 'the credit' })
  const { status, body } = await service.request(`/v1/accounts/${chain.accounts.buyer}/balance`, {
    key: service.serviceKey,
  })
  expect({ status, body }).toMatchObject({ status: 200, body: { balanceMicros: '3600000000' } })
})

it('stops and leaves nothing behind', async () => {
  const pids = Object.values(service.pids())
  await service.stop()
  expect(await service.exited).toBe(0)
  const alive = new Set(listProcesses().map(({ pid }) => pid))
  expect(pids.filter((pid) => alive.has(pid))).toEqual([])
})

it('says what the service printed when it does not become ready', async () => {
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    overrides: { REVENUE_WALLET: 'nobody' },
  })
  await expect(startService(settings)).rejects.toThrow(/ended instead of becoming ready[\s\S]*REVENUE_WALLET/)
})
