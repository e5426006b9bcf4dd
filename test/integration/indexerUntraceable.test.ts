import { type Hash, parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createChain, type TestChain, type TestContract } from '../support/createChain.ts'
import { createRpcProxy, type RpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { startIndexer, type TestIndexer } from '../support/startIndexer.ts'
import { waitUntil } from '../support/waitUntil.ts'

// A transaction that no node can trace: the index goes on with all others of its block and after it, and what it does not
// show is written down for the gate.

let chain: TestChain
let database: TestDatabase
let proxy: RpcProxy
let indexer: TestIndexer
let payer: TestContract
/** What stood before the test. */
let standing: bigint

const VALUE = parseEther('1')
/** Several indexers may be starting on two cores. */
const START_MS = 80_000
const WITHIN_MS = 30_000

beforeAll(async () => {
  ;[chain, database] = await Promise.all([createChain(), createTestDatabase()])
  proxy = await createRpcProxy(chain.rpcUrl)
  payer = await chain.deploy('MultiPayer')
}, 400_000)
beforeEach(async () => {
  standing = (await chain.head()).number
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await indexer?.stop()
  await proxy?.stop()
  await database?.drop()
  await chain?.stop()
})

const internal = () => {
  const args = [chain.accounts.revenue, [VALUE]]
  return chain.call({ contract: payer, functionName: 'payEth', args, value: VALUE, gas: 200_000n })
}

/** Mines a block of an internal payment that shall be the untraceable one, and two others. */
async function mineBlock() {
  const { buyer, other } = chain.accounts
  const mined = await chain.mineWith(
    internal(),
    chain.transferEth({ from: buyer, value: VALUE }),
    chain.transferEth({ from: other, value: VALUE }),
  )
  const [bad, ...good] = mined.hashes
  return { ...mined, bad: bad as Hash, good }
}

async function untraced(blockNumber: bigint): Promise<{ tx_hash: string; block_hash: string }[]> {
  return database.sql`
    select tx_hash, block_hash from credits.untraced_transaction
    where block_number = ${blockNumber.toString()} order by tx_hash`
}

/** Once a block is indexed, the index shows these of the test's transactions, and no others. */
async function expectShown(blockNumber: bigint, hashes: Hash[], withinMs = WITHIN_MS): Promise<void> {
  const rows = (await indexer.transfersAt(blockNumber, withinMs)).filter(
    ({ block_number }) => BigInt(block_number) > standing,
  )
  expect(rows.map(({ tx_hash }) => tx_hash).sort()).toEqual([...hashes].sort())
}

const METHODS = ['debug_traceBlockByHash', 'debug_traceBlockByNumber']

/** Its entry in the traces of its block tells an error, and so does its own trace. */
function failEntry(bad: () => Hash): void {
  for (const method of METHODS) {
    proxy.lie(method, (result) =>
      (result as { txHash: Hash }[]).map((entry) =>
        entry.txHash === bad() ? { txHash: entry.txHash, error: 'execution timeout' } : entry,
      ),
    )
  }
  proxy.lie('debug_traceTransaction', (result, [txHash]) => (txHash === bad() ? null : result))
}

test('in the past: an entry `{txHash, error}` → the others are indexed, and it is written down', {
  timeout: 600_000,
}, async () => {
  const { number, hash, bad, good } = await mineBlock()
  failEntry(() => bad)
  indexer = await startIndexer(database, { chains: [chain], rpcUrls: { [chain.chainId]: proxy.url } })
  await expectShown(number, good, START_MS)
  expect(await untraced(number)).toEqual([{ tx_hash: bad, block_hash: hash }])
})

test('as blocks come: the same, and the index goes on', { timeout: 600_000 }, async () => {
  const bad = await internal()
  failEntry(() => bad)
  const { buyer } = chain.accounts
  const { number, hash, hashes } = await chain.mineWith(bad, chain.transferEth({ from: buyer, value: VALUE }))
  await expectShown(number, [hashes[1]])
  expect(await untraced(number)).toEqual([{ tx_hash: bad, block_hash: hash }])
  const after = await mineBlock()
  await expectShown(after.number, [hashes[1], ...after.hashes])
})

test('the traces of its block fail for ever → its transactions are traced one by one', {
  timeout: 600_000,
}, async () => {
  const bad = await internal()
  const at = `0x${((await chain.head()).number + 1n).toString(16)}`
  let hashOfBlock: Hash | null = null
  // Ponder may ask by a hash before we know it: then everything fails but what is known to be another block.
  const before = (await chain.head()).hash
  proxy.lie('debug_traceBlockByNumber', (result, [tag]) => (tag === at ? null : result))
  proxy.lie('debug_traceBlockByHash', (result, [tag]) =>
    tag === before || (hashOfBlock !== null && tag !== hashOfBlock) ? result : null,
  )
  proxy.lie('debug_traceTransaction', (result, [txHash]) => (txHash === bad ? 'no trace' : result))
  const mined = await chain.mineWith(bad, chain.transferEth({ from: chain.accounts.buyer, value: VALUE }))
  hashOfBlock = mined.hash
  const after = await mineBlock()
  // Ponder asks again with each head, and chains go on.
  await waitUntil(
    async () => {
      await chain.mine(1)
      return (await untraced(mined.number)).length > 0
    },
    { withinMs: WITHIN_MS, what: 'the block to be traced one by one', everyMs: 700 },
  )
  await chain.mine(1)
  await expectShown(after.number, [mined.hashes[1], ...after.hashes])
  expect(await untraced(mined.number)).toEqual([{ tx_hash: bad, block_hash: mined.hash }])
})

test('a trace of 72 MB for some 600 000 gas → passed over, in bounded memory and time', {
  timeout: 600_000,
}, async () => {
  const contract = await chain.deploy('HugePayer')
  const args = [chain.accounts.revenue, 4_000n, 9_000n]
  const huge = await chain.call({ contract, functionName: 'pay', args, value: 1n, gas: 2_000_000n })
  const mined = await chain.mineWith(
    huge,
    internal(),
    chain.transferEth({ from: chain.accounts.buyer, value: VALUE }),
  )
  const { status, gasUsed } = await chain.receipt(huge)
  expect([status, gasUsed < 1_000_000n]).toEqual(['success', true])
  const after = await mineBlock()
  await expectShown(after.number, [...mined.hashes.slice(1), ...after.hashes], 2 * WITHIN_MS)
  expect(await untraced(mined.number)).toEqual([{ tx_hash: huge, block_hash: mined.hash }])
})

test('traces away altogether → nothing is passed over; the index waits for them', {
  timeout: 600_000,
}, async () => {
  for (const method of [...METHODS, 'debug_traceTransaction']) {
    proxy.failWith(method, { code: -32_000, message: 'tracing is down for a moment' })
  }
  const { number, hashes } = await mineBlock()
  proxy.resetCalls()
  // Traced one by one, and blocks below it: that much was tried.
  await waitUntil(() => (proxy.calls.get('debug_traceTransaction') ?? 0) >= 6, {
    withinMs: WITHIN_MS,
    what: 'two tries to trace one by one',
  })
  expect(await untraced(number)).toEqual([])
  await proxy.heal()
  await expectShown(number, hashes)
})
