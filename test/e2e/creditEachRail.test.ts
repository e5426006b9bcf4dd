import { parseEther, parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { baseSettings } from '../support/baseSettings.ts'
import { createChain, type TestChain, type TestToken } from '../support/createChain.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type Service, startService } from '../support/startService.ts'
import { waitUntil } from '../support/waitUntil.ts'

let chain: TestChain
let database: TestDatabase
let service: Service
let usdc: TestToken
let axgt: TestToken

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  ;({ usdc, axgt } = await chain.deployTokens())
  const { buyer, holder } = chain.accounts
  await chain.mineWith(
    chain.mintToken(usdc, buyer, parseUnits('1000', 6)),
    chain.mintToken(axgt, buyer, parseUnits('100', 18)),
    chain.mintToken(axgt, holder, parseUnits('100000', 18)),
  )
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: { usdc, axgt } },
  })
  service = await startService(settings)
})

afterAll(async () => {
  await service?.stop()
  await database?.drop()
  await chain?.stop()
})

async function transaction(hash: string) {
  const { status, body } = await service.request(`/v1/transactions/${hash}`)
  return status === 200 ? (body as { outcome: string; deposits: Record<string, unknown>[] }) : undefined
}

test('each rail is seen, counted to six confirmations, and credited by itself, with the expected minutes', async () => {
  const { buyer, holder } = chain.accounts
  const sent = await chain.mineWith(
    chain.transferEth({ from: buyer, value: parseEther('0.0005') }),
    chain.transferEth({ from: holder, value: parseEther('0.000375') }),
    chain.transferToken({ token: usdc, from: buyer, amount: parseUnits('1', 6) }),
    chain.transferToken({ token: axgt, from: buyer, amount: parseUnits('100', 18) }),
  )
  for (const hash of sent.hashes) {
    const seen = await waitUntil(async () => (await transaction(hash))?.deposits[0], {
      withinMs: 10_000,
      what: `${hash} to be seen`,
    })
    expect(seen).toMatchObject({ state: 'pending', confirmations: 1, confirmationsRequired: 6 })
  }
  await chain.mine(5)
  const minutes = []
  for (const hash of sent.hashes) {
    const settled = await waitUntil(
      async () => {
        const found = await transaction(hash)
        return found?.outcome === 'settled' ? found : undefined
      },
      { withinMs: 10_000, what: `${hash} to be credited` },
    )
    minutes.push(settled.deposits[0]?.creditMinutes)
  }
  expect(minutes).toEqual(['60', '60', '60', '75'])
  const balance = await service.request(`/v1/accounts/${buyer}/balance`, { key: service.serviceKey })
  expect(balance.body).toMatchObject({ balanceMicros: '11700000000', balanceMinutes: '195' })
})
