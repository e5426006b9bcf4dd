import { type Address, encodeFunctionData, type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDesk } from '../../billing/desk/createDesk.ts'
import { rescan } from '../../billing/gate/jobs/rescan.ts'
import type { TestContract } from '../support/createChain.ts'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { HOUR } from '../support/lies.ts'
import { newSigner } from '../support/newSigner.ts'
import type { GateScene } from '../support/startGateScene.ts'
import { healAll, type LyingScene, passForAMinute, startLyingScene } from '../support/startLyingScene.ts'

// Issue 10, B12: one transaction with several payers, of which the service knows only some. Goal: who hands the hash in is
// credited, and a transaction is `settled` only when all of it was read. Method: a contract pays in USDC and has others pay in
// ETH, in one transaction; the gate alone, with an index that shows nothing.

const ETHER = parseEther('0.0005')
const DOLLAR = parseUnits('1', 6)
const TRACES = ['debug_traceTransaction', 'debug_traceBlockByHash', 'debug_traceBlockByNumber']

let scene: LyingScene
beforeAll(async () => {
  scene = await startLyingScene(1)
})
afterEach(() => healAll(scene))
afterAll(() => scene?.end())

interface Shared {
  hash: Hash
  /** Pays a dollar. */
  a: Address
  /** Pays ETH from within. */
  b: Address
}

/** A pays a dollar and B ETH worth an hour, in one transaction 6 deep, of which nothing is known. */
async function payTogether(): Promise<Shared & { block: bigint }> {
  const { chain, usdc } = scene
  const [a, b] = [await chain.deploy('Bundler'), await chain.deploy('MultiPayer')]
  await chain.mineWith(chain.mintToken(usdc, a.address, DOLLAR))
  const signer = await newSigner(chain)
  const steps = [
    step(usdc, 'transfer', [chain.accounts.revenue, DOLLAR]),
    step(b, 'payEth', [chain.accounts.revenue, [ETHER]], ETHER),
  ]
  const { hash, raw } = await signer.call(a, 'run', [steps], ETHER)
  const { number } = await chain.mineWith(chain.resend(raw))
  await chain.mine(5)
  return { hash, a: a.address, b: b.address, block: number }
}

function step({ address: to, abi }: TestContract, functionName: string, args: unknown[], value = 0n) {
  return { to, value, data: encodeFunctionData({ abi, functionName, args }) }
}

/** The sweep shows A; of a token's payment no trace is read, so B stays unknown. */
async function creditA({ hash, a, b, block }: Shared & { block: bigint }): Promise<void> {
  const { chain, gate } = scene
  await rescan(gate.deps, { chainId: chain.chainId, fromBlock: block, toBlock: block, ether: false })
  await gate.pass()
  expect(await balances(a, b)).toEqual([HOUR, 0n])
  const rows = await scene.database.sql`select from credits.deposit where tx_hash = ${hash}`
  expect(rows).toHaveLength(1)
}

const balances = (...accounts: Address[]) =>
  Promise.all(accounts.map(async (account) => (await scene.gate.ledger(account)).balanceMicros))

async function submit(hash: Hash) {
  return tell(await scene.gate.submit(hash))
}

function tell(answer: Awaited<ReturnType<GateScene['submit']>>) {
  if (answer.kind !== 'found') return answer.kind
  const { outcome, deposits } = answer.transaction
  return { outcome, states: deposits.map(({ state }) => state).sort() }
}

const withoutTraces = (proxy: RpcProxy | undefined) => {
  for (const method of TRACES) proxy?.failWith(method, { code: -32_005, message: 'temporarily disabled' })
}

describe('A is known and credited, and B hands the hash in', () => {
  let shared: Shared & { block: bigint }
  beforeEach(async () => {
    shared = await payTogether()
    await creditA(shared)
  })

  test('B is credited at once, A stays as it is, and only then it is settled', async () => {
    const { hash, a, b } = shared
    expect(await submit(hash)).toEqual({ outcome: 'settled', states: ['credited', 'credited'] })
    expect(await balances(a, b)).toEqual([HOUR, HOUR])
    expect(await submit(hash)).toEqual({ outcome: 'settled', states: ['credited', 'credited'] })
    expect((await scene.gate.ledger(a)).references).toEqual(['deposit 1'])
    expect((await scene.gate.ledger(b)).references).toEqual(['deposit 1'])
  })

  test('while no trace can be had it is not settled; once there are, B is credited without another word', async () => {
    const { hash, a, b } = shared
    withoutTraces(scene.proxies[0])
    expect(await submit(hash)).toEqual({ outcome: 'pending', states: ['credited'] })
    expect(await submit(hash)).toEqual({ outcome: 'pending', states: ['credited'] })
    await scene.gate.pass()
    expect(await balances(a, b)).toEqual([HOUR, 0n])
    await healAll(scene)
    await passForAMinute(scene.gate)
    expect(await balances(a, b)).toEqual([HOUR, HOUR])
    expect(await submit(hash)).toEqual({ outcome: 'settled', states: ['credited', 'credited'] })
  })

  test('by a replica without traces it is not settled: the gate that has them credits B', async () => {
    const { hash, a, b } = shared
    const replica = await scene.restart({ ETH_DETECTION: 'transactions' })
    expect(tell(await replica.submit(hash))).toEqual({ outcome: 'pending', states: ['credited'] })
    await passForAMinute(scene.gate)
    expect(await balances(a, b)).toEqual([HOUR, HOUR])
  })

  test('who only asks about it learns of B too', async () => {
    const { database, gate } = scene
    const { hash, a, b } = shared
    expect(tell(await createDesk(gate.deps).look(hash))).toEqual({
      outcome: 'pending',
      states: ['credited', 'pending'],
    })
    await gate.pass()
    expect(await balances(a, b)).toEqual([HOUR, HOUR])
    const rows = await database.sql`select from credits.deposit where tx_hash = ${hash}`
    expect(rows).toHaveLength(2)
  })
})

describe('the RPC showed only A in all of it, when A was proven', () => {
  test('a receipt without a log: B pays in USDC, A in ETH', async () => {
    const { chain, gate, proxies } = scene
    const { hash, a, b, block } = await payTogether()
    proxies[0]?.lie('eth_getTransactionReceipt', (result, [asked]) =>
      asked === hash ? { ...(result as object), logs: [] } : result,
    )
    await rescan(gate.deps, {
      ...{ chainId: chain.chainId, fromBlock: block, toBlock: block },
      tokens: false,
      ether: true,
    })
    await gate.pass()
    expect(await balances(a, b)).toEqual([0n, HOUR])
    await expectOtherCredited(hash, a, b)
  })

  test('a trace without a call: both pay in ETH', async () => {
    const { chain, gate, proxies } = scene
    const [through, a, b] = [
      await chain.deploy('MultiPayer'),
      await chain.deploy('MultiPayer'),
      await chain.deploy('MultiPayer'),
    ]
    const args = [chain.accounts.revenue, [a.address, b.address], [ETHER, ETHER]]
    const signer = await newSigner(chain)
    const { hash, raw } = await signer.call(through, 'payThrough', args, 2n * ETHER)
    const { number: block } = await chain.mineWith(chain.resend(raw))
    await chain.mine(5)
    const cut = (frame: { calls?: unknown[] }) => ({ ...frame, calls: frame.calls?.slice(0, 1) })
    proxies[0]?.lie('debug_traceTransaction', (result) => cut(result as object))
    for (const method of ['debug_traceBlockByHash', 'debug_traceBlockByNumber']) {
      proxies[0]?.lie(method, (result) =>
        (result as { result: object }[]).map((one) => ({ ...one, result: cut(one.result) })),
      )
    }
    await rescan(gate.deps, { chainId: chain.chainId, fromBlock: block, toBlock: block, ether: true })
    await gate.pass()
    expect(await balances(a.address, b.address)).toEqual([HOUR, 0n])
    await expectOtherCredited(hash, a.address, b.address)
  })

  /** The lie is over, and the other one hands the hash in. */
  async function expectOtherCredited(hash: Hash, ...payers: Address[]): Promise<void> {
    await healAll(scene)
    // A minute later, by the clock of the database.
    await scene.database.sql`update credits.read_transaction set read_at = read_at - interval '1 minute'`
    expect(await submit(hash)).toEqual({ outcome: 'settled', states: ['credited', 'credited'] })
    expect(await balances(...payers)).toEqual([HOUR, HOUR])
    for (const payer of payers) expect((await scene.gate.ledger(payer)).references).toEqual(['deposit 1'])
  }
})
