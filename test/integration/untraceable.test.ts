import { type Address, type Hash, parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { recordSeen } from '../../billing/deposits/recordSeen.ts'
import { createChain, type TestChain, type TestContract } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// One transaction that cannot be traced, or a hundred, hold themselves and nobody else. The gate's own code, pass by pass, on
// a real chain.

const ETHER = parseEther('0.0005')
/** Longer than an index may be behind before the gate looks for itself: here there is none. */
const PATIENCE_MS = 11_000
const WITHIN_MS = 30_000

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let gate: GateScene
let payer: TestContract

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  payer = await chain.deploy('MultiPayer')
  proxy = await createRpcProxy(chain.rpcUrl)
  gate = await startGateScene({ chain, database, rpcUrls: proxy.url })
}, 400_000)
afterEach(() => proxy.heal())
afterAll(async () => {
  const differences = await gate?.differences()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
  expect(differences).toEqual([])
})

const internal = (from?: Address) => {
  const args = [chain.accounts.revenue, [ETHER]]
  return chain.call({
    ...(from ? { from } : {}),
    contract: payer,
    functionName: 'payEth',
    args,
    value: ETHER,
    gas: 100_000n,
  })
}

/** As the index shows it: by a trace that its RPC could give. */
async function seeByTrace(
  block: { number: bigint; hash: Hash },
  txHash: Hash,
  from: Address,
  amount: bigint,
) {
  await recordSeen(database.sql, [
    {
      chainId: chain.chainId,
      txHash,
      asset: 'eth',
      payer: from,
      amountBaseUnits: amount,
      blockNumber: block.number,
      blockHash: block.hash,
      blockTimestamp: new Date(),
      under: { wallet: chain.accounts.revenue, token: null, by: 'traces' },
    },
  ])
}

async function countOf(hashes: Hash[], state: string, reason: string | null = null): Promise<number> {
  const rows = await database.sql`
    select 1 from credits.deposit
    where tx_hash = any(${hashes}) and state = ${state} and reason is not distinct from ${reason}`
  return rows.length
}

async function passUntil(fact: () => Promise<boolean>, what: string): Promise<void> {
  await waitUntil(
    async () => {
      if (await fact()) return true
      await gate.pass()
      gate.skip(70_000)
      return false
    },
    { withinMs: WITHIN_MS, what },
  )
}

test('a hundred transactions whose traces never come → one among them and one after them are credited in seconds', {
  timeout: 600_000,
}, async () => {
  const bad = await Promise.all(Array.from({ length: 100 }, () => internal()))
  const good = await internal(chain.accounts.other)
  const mined = await chain.mineWith(...bad, good)
  const later = await chain.mineWith(internal(chain.accounts.other))
  for (const txHash of [...bad, good]) await seeByTrace(mined, txHash, payer.address, ETHER)
  await seeByTrace(later, later.hashes[0], payer.address, ETHER)
  await chain.mine(5)
  proxy.hangFor('debug_traceBlockByHash', () => true)
  proxy.hangFor('debug_traceTransaction', ([txHash]) => bad.includes(txHash as Hash))

  const startedAt = performance.now()
  const passing = gate.pass()
  await waitUntil(async () => (await countOf([good, later.hashes[0]], 'credited')) === 2, {
    withinMs: WITHIN_MS,
    what: 'the two that can be traced to be credited',
  })
  // Three seconds for the block, half a second for each in turn, six at a time; the rest is for a busy machine.
  expect(performance.now() - startedAt).toBeLessThan(40_000)
  await passing
  expect(await countOf(bad, 'held', 'evidence_unavailable')).toBe(100)

  // They are looked at beside the passes: those go on at full speed.
  const { hashes, ...block } = await chain.mineWith(internal(chain.accounts.other))
  await seeByTrace(block, hashes[0], payer.address, ETHER)
  await chain.mine(5)
  gate.skip(2_000)
  const nextPass = gate.pass()
  const nextAt = performance.now()
  await waitUntil(async () => (await countOf(hashes, 'credited')) === 1, {
    withinMs: WITHIN_MS,
    what: 'a later payment to be credited',
  })
  expect(performance.now() - nextAt).toBeLessThan(15_000)
  await nextPass

  await proxy.heal()
  await passUntil(
    async () => (await countOf(bad, 'credited')) === 100,
    'all to be credited when they can be traced',
  )
})

test('a trace of 72 MB → read no further than its bound; held, others credited; credited when it can be read', {
  timeout: 600_000,
}, async () => {
  const huge = await chain.deploy('HugePayer')
  const args = [chain.accounts.revenue, 4_000n, 9_000n]
  const bad = await chain.call({ contract: huge, functionName: 'pay', args, value: ETHER, gas: 2_000_000n })
  const mined = await chain.mineWith(bad, internal())
  const good = mined.hashes[1]
  await seeByTrace(mined, bad, huge.address, ETHER)
  await seeByTrace(mined, good, payer.address, ETHER)
  await chain.mine(5)
  const before = process.memoryUsage().rss
  await gate.pass()
  expect([await countOf([good], 'credited'), await countOf([bad], 'held', 'evidence_unavailable')]).toEqual([
    1, 1,
  ])
  // The proxy, which reads it all, is this process too.
  expect(process.memoryUsage().rss - before).toBeLessThan(1_200 * 1024 * 1024)

  proxy.lie('debug_traceTransaction', (result, [txHash]) => {
    const frame = result as { calls: { value?: string }[] }
    return txHash === bad ? { ...frame, calls: frame.calls.slice(-1) } : result
  })
  await passUntil(async () => (await countOf([bad], 'credited')) === 1, 'it to be credited')
})

test('what nobody saw of it: noted, an alarm with the missing amount, and credited when it can be traced', {
  timeout: 600_000,
}, async () => {
  const bad = await internal()
  proxy.lie('debug_traceBlockByHash', (result) =>
    (result as { txHash: Hash }[]).map((entry) =>
      entry.txHash === bad ? { txHash: entry.txHash, error: 'execution timeout' } : entry,
    ),
  )
  proxy.lie('debug_traceTransaction', (result, [txHash]) => (txHash === bad ? 'x' : result))
  const mined = await chain.mineWith(
    bad,
    internal(),
    chain.transferEth({ from: chain.accounts.other, value: ETHER }),
  )
  await gate.pass()
  gate.skip(PATIENCE_MS)
  await gate.pass()
  await chain.mine(5)
  await gate.pass()
  await gate.pass()
  expect(await countOf(mined.hashes.slice(1), 'credited')).toBe(2)
  expect(await database.sql`select 1 from credits.deposit where tx_hash = ${bad}`).toHaveLength(0)
  await passUntil(async () => gate.reports.some(({ kind }) => kind === 'untraced'), 'the alarm')
  expect(gate.reports.filter(({ kind }) => kind === 'untraced')).toEqual([
    { kind: 'untraced', chainId: chain.chainId, txHash: bad, blockNumber: mined.number, missingWei: ETHER },
  ])
  // However long ago it was: what came in and nobody can explain stays told.
  await database.sql`
    update credits.untraced_transaction set noted_at = noted_at - interval '31 days', retry_at = noted_at - interval '1 day'
    where tx_hash = ${bad}`
  await gate.pass()
  const left = await database.sql`
    update credits.untraced_transaction set noted_at = noted_at + interval '31 days', retry_at = noted_at
    where tx_hash = ${bad} and retry_at > noted_at returning missing_wei`
  expect(left.map((row) => row.missing_wei)).toEqual([ETHER.toString()])
  await proxy.heal()
  await passUntil(async () => (await countOf([bad], 'credited')) === 1, 'it to be credited')
  expect(await database.sql`select 1 from credits.untraced_transaction where tx_hash = ${bad}`).toHaveLength(
    0,
  )
})
