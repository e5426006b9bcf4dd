import { type Address, concatHex, type Hex, hashMessage, parseUnits } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deploySafe } from '../support/deploySafe.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// The whole service: who has paid signs in, sees his own and signs out. What may go wrong is in test/integration/signIn.

let scene: Scene
beforeAll(async () => {
  scene = await startScene({ proxies: 2 })
})
afterAll(() => scene?.stop())

async function ask<body>(path: string, init: { method?: string; json?: unknown; key?: string } = {}) {
  const answer = await scene.service.request(path, init)
  return { status: answer.status, body: answer.body as body }
}

async function signInAs(address: Address, sign: (message: string) => Promise<Hex>): Promise<string> {
  const json = { address }
  const challenge = await ask<{ message: string }>('/v1/auth/challenge', { method: 'POST', json })
  const { message } = challenge.body
  const signed = { message, signature: await sign(message) }
  const { status, body } = await ask<{ token: string; address: string }>('/v1/auth/verify', {
    method: 'POST',
    json: signed,
  })
  expect({ status, address: body.address }).toEqual({ status: 200, address })
  return body.token
}

test('a buyer signs in by key, sees what was paid, follows it, and at the end nothing listens any more', async () => {
  const { chain, usdc, service } = scene
  const buyer = chain.accounts.buyer
  const account = chain.signer('buyer')
  await chain.mineWith(chain.mintToken(usdc, buyer, parseUnits('10', 6)))
  const token = await signInAs(buyer, (message) => account.signMessage({ message }))
  expect(await ask('/v1/balance', { key: token })).toMatchObject({
    status: 200,
    body: { address: buyer, balanceMicros: '0' },
  })

  const headers = { Authorization: `Bearer ${token}` }
  const stream = await fetch(`${service.baseUrl}/v1/events`, { headers })
  let heard = ''
  let isOver = false
  const listen = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream.body ?? []) heard += decoder.decode(chunk, { stream: true })
    isOver = true
  }
  const listening = listen()

  const amount = parseUnits('1', 6)
  const { hashes } = await chain.mineWith(chain.transferToken({ token: usdc, from: buyer, amount }))
  await chain.mine(5)
  await scene.creditedAsBlocksCome(hashes[0])
  await waitUntil(() => heard.includes('"state":"credited"'), {
    withinMs: 10_000,
    what: 'the stream to tell of the credit',
  })
  expect(await ask('/v1/deposits', { key: token })).toMatchObject({
    body: { items: [{ txHash: hashes[0], state: 'credited' }] },
  })

  expect((await ask('/v1/auth/logout', { method: 'POST', key: token })).status).toBe(204)
  expect((await ask('/v1/balance', { key: token })).status).toBe(401)
  // The stream looks at its token at least every fifteen seconds.
  await waitUntil(() => isOver, { withinMs: 20_000, what: 'the stream to end' })
  await listening
}, 400_000)

test('a Safe signs in by its owners, asked of both RPCs', async () => {
  const { chain, proxies } = scene
  const safe = await deploySafe(chain, { owners: ['ownerA', 'ownerB'] })
  for (const proxy of proxies) proxy.resetCalls()
  const token = await signInAs(safe.address, async (message) => {
    const signers = [chain.signer('ownerA'), chain.signer('ownerB')]
    signers.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1))
    const signatures = await Promise.all(
      signers.map((signer) =>
        signer.signTypedData({
          domain: { chainId: chain.chainId, verifyingContract: safe.address },
          types: { SafeMessage: [{ name: 'message', type: 'bytes' }] },
          primaryType: 'SafeMessage',
          message: { message: hashMessage(message) },
        }),
      ),
    )
    return concatHex(signatures)
  })
  expect(await ask('/v1/balance', { key: token })).toMatchObject({ body: { address: safe.address } })
  for (const proxy of proxies) expect(proxy.calls.get('eth_call')).toBeGreaterThan(0)
})
