import { type Hash, type Hex, keccak256, parseEther } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createChain, type TestChain } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createRpcSwitch, type RpcSwitch } from '../support/createRpcSwitch.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner } from '../support/newSigner.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'

// Case 22 with a real other chain behind the RPC's address, on which the very same signed bytes pay the very same wallet;
// and with one of two RPCs. The gate alone, pass by pass: the indexer believes any chain, so it has no say here.

const ETHER = parseEther('0.0005')
const HOUR = 3_600_000_000n

let chain: TestChain
let foreign: TestChain
let database: TestDatabase
let rpc: RpcSwitch
let gate: GateScene

beforeAll(async () => {
  ;[chain, foreign, database] = await Promise.all([
    createChain(),
    createChain({ chainId: 5 }),
    createTestDatabase(),
  ])
  await chain.mine(5)
  await foreign.mine(50)
  rpc = await createRpcSwitch(chain.rpcUrl)
  gate = await startGateScene({ chain, database, rpcUrls: rpc.url })
})
afterEach(() => rpc?.switchTo(chain.rpcUrl))
afterAll(async () => {
  const differences = await gate?.differences()
  await rpc?.stop()
  await database?.drop()
  await Promise.all([chain?.stop(), foreign?.stop()])
  expect(differences).toEqual([])
})

/** A payment signed without a chain id (before EIP-155): valid, with the same hash, on every chain. */
async function payAnywhere() {
  const account = privateKeyToAccount(generatePrivateKey())
  for (const { client } of [chain, foreign]) {
    await client.setBalance({ address: account.address, value: parseEther('1') })
  }
  const { revenue: to } = chain.accounts
  const raw: Hex = await account.signTransaction({
    type: 'legacy',
    nonce: 0,
    gas: 21_000n,
    gasPrice: 20_000_000_000n,
    to,
    value: ETHER,
  })
  return { payer: account.address.toLowerCase() as Hex, raw, hash: keccak256(raw) as Hash }
}

async function problem(): Promise<string | null | undefined> {
  const [row] = await database.sql<{ problem: string | null }[]>`select problem from credits.chain_status`
  return row?.problem
}

test('a payment on another chain, with a hash and a wallet that are ours too, gives nothing here', async () => {
  await gate.pass()
  const { payer, raw, hash } = await payAnywhere()
  await foreign.mineWith(foreign.resend(raw))
  await foreign.mine(10)
  rpc.switchTo(foreign.rpcUrl)
  expect(await gate.submit(hash)).toEqual({ kind: 'unavailable' })
  expect(await gate.pass()).toBe(false)
  expect(await problem()).toMatch(/^rpc 1 \(127\.0\.0\.1:\d+\) answers for chain 5$/)
  expect(gate.reports.at(-1)).toMatchObject({ kind: 'problem', problem: await problem() })
  expect(await gate.deposit(hash)).toBeUndefined()
  expect(await gate.ledger(payer)).toEqual({ references: [], balanceMicros: 0n })

  rpc.switchTo(chain.rpcUrl)
  expect(await gate.pass()).toBe(true)
  expect(await problem()).toBeNull()
  expect((await gate.submit(hash)).kind).toBe('not_found')
  // Paid here as well, it counts here, once.
  await chain.mineWith(chain.resend(raw))
  await chain.mine(5)
  await gate.submit(hash)
  expect(await gate.ledger(payer)).toEqual({ references: ['deposit 1'], balanceMicros: HOUR })
})

test('credits and pending payments of our chain are neither lost nor taken back while another one answers', async () => {
  const signers = [await newSigner(chain), await newSigner(chain)] as const
  const [done, open] = [await signers[0].payEther(ETHER), await signers[1].payEther(ETHER)]
  await chain.mineWith(chain.resend(done.raw))
  await chain.mine(4)
  await chain.mineWith(chain.resend(open.raw))
  for (const { hash } of [done, open]) await gate.submit(hash)
  await gate.pass()
  expect(await gate.deposit(done.hash)).toMatchObject({ state: 'credited' })
  const head = async () =>
    (await database.sql<{ number: bigint }[]>`select head_number as number from credits.chain_status`)[0]
      ?.number
  const before = await head()

  rpc.switchTo(foreign.rpcUrl)
  for (let passes = 0; passes < 3; passes++) {
    gate.skip(60_000)
    expect(await gate.pass()).toBe(false)
  }
  expect(await head()).toBe(before)
  expect(await gate.deposit(done.hash)).toMatchObject({ state: 'credited', attempt: 1, final: false })
  expect(await gate.deposit(open.hash)).toMatchObject({ state: 'pending', attempt: 0 })

  rpc.switchTo(chain.rpcUrl)
  await chain.mine(5)
  await gate.pass()
  expect(await gate.deposit(open.hash)).toMatchObject({ state: 'credited', attempt: 1 })
  for (const { address } of signers) {
    expect(await gate.events(address)).toEqual(['deposit.pending', 'deposit.credited'])
    expect((await gate.ledger(address)).balanceMicros).toBe(HOUR)
  }
})

test('of two RPCs one answers for another chain: held, told, and credited when both are ours again', async () => {
  const proxies: RpcProxy[] = [await createRpcProxy(chain.rpcUrl), await createRpcProxy(chain.rpcUrl)]
  const both = await startGateScene({ chain, database, rpcUrls: proxies.map(({ url }) => url).join(',') })
  try {
    const payer = await newSigner(chain)
    const { hash, raw } = await payer.payEther(ETHER)
    await chain.mineWith(chain.resend(raw))
    await both.submit(hash)
    await chain.mine(5)
    proxies[1]?.wrongChainId(5)
    expect(await both.pass()).toBe(false)
    expect(await both.deposit(hash)).toMatchObject({ state: 'held', reason: 'rpc_disagreement' })
    expect(await problem()).toMatch(/only 1 of 2 RPCs answers; rpc 2 .* answers for chain 5/)
    await both.submit(hash)
    both.skip(60_000)
    await both.pass()
    expect(await both.ledger(payer.address)).toEqual({ references: [], balanceMicros: 0n })
    await proxies[1]?.heal()
    both.skip(60_000)
    expect(await both.pass()).toBe(true)
    expect(await both.ledger(payer.address)).toEqual({ references: ['deposit 1'], balanceMicros: HOUR })
    expect(await both.events(payer.address)).toEqual(['deposit.pending', 'deposit.held', 'deposit.credited'])
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  }
})
