import { type Address, type Hash, type Hex, numberToHex, parseEther } from 'viem'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RpcProxy } from '../support/createRpcProxy.ts'
import { endScene, healAll } from '../support/endScene.ts'
import { ETHER, HOUR, payEther, payUsdc } from '../support/hourPayments.ts'
import { type Scene, startScene } from '../support/startScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Case 23: two RPCs, one of which lies. Each lie is told only about the payment under test, and only once that was seen.

let scene: Scene
let liar: RpcProxy

beforeAll(async () => {
  scene = await startScene({ proxies: 2 })
  liar = scene.proxies[1] as RpcProxy
})
afterEach(() => healAll(scene))
afterAll(() => endScene(scene))

type Call = { type: string; from: string; to: string; value: string; error?: string; calls?: Call[] }
type Receipt = { status: Hex; logs: { data: Hex; address: string; topics: Hex[] }[] }

async function disagreements(): Promise<number> {
  const { body } = await scene.service.request('/metrics')
  return Number(/rpc_disagreements_total\{chain="31337"\} (\d+)/.exec(String(body))?.[1] ?? 0)
}

function heldAlarms(id: string) {
  return scene.service
    .logs()
    .split('\n')
    .filter((line) => line.includes('"deposit held"') && line.includes(id))
    .map((line) => JSON.parse(line) as { level: number; reason: string; detail: string })
}

/** Pays, lets the RPC lie about that payment, and expects: held, alarm, nothing credited; after the lie, one credit. */
async function expectHeldUntilTheyAgree(
  pay: typeof payUsdc,
  rail: string,
  lie: (about: { hash: Hash; block: { number: bigint; hash: Hash } }) => void,
  { axgt = '0', micros = HOUR, payer: by }: { axgt?: string; micros?: string; payer?: Address } = {},
) {
  const payer = by ?? (await scene.newPayer({ axgt }))
  const before = await disagreements()
  const mined = await scene.chain.mineWith(pay(scene, payer))
  const hash = mined.hashes[0] as Hash
  const { amount } = await scene.deposit(hash, 'pending')
  lie({ hash, block: mined })
  await scene.chain.mine(5)
  const { id } = await scene.deposit(hash, 'held', 'rpc_disagreement')

  const held = await scene.booksOf(payer)
  expect(held).toEqual({
    deposits: [{ rail, state: 'held', reason: 'rpc_disagreement', amount, micros: null }],
    entries: [],
    events: ['deposit.pending', 'deposit.held'],
    balanceMicros: '0',
  })
  expect(heldAlarms(id)).toEqual([
    expect.objectContaining({
      level: 40,
      reason: 'rpc_disagreement',
      detail: expect.stringMatching(/^rpc 1 \(127\.0\.0\.1:\d+\) and rpc 2 .* contradict each other$/),
    }),
  ])
  expect(await disagreements()).toBeGreaterThan(before)
  const answer = await scene.service.request(`/v1/transactions/${hash}`)
  expect(answer.body).toMatchObject({
    outcome: 'pending',
    deposits: [{ state: 'held', reason: 'rpc_disagreement', creditMicros: null }],
  })

  await liar.heal()
  await scene.deposit(hash, 'credited')
  expect(await scene.booksOf(payer)).toEqual({
    deposits: [{ rail, state: 'credited', reason: null, amount, micros }],
    entries: [{ kind: 'deposit', micros, reference: `deposit:${id}:1` }],
    events: ['deposit.pending', 'deposit.held', 'deposit.credited'],
    balanceMicros: micros,
  })
}

const isAbout = (params: unknown[], hash: Hash) => params[0] === hash

function lieAboutReceipt(hash: Hash, change: (receipt: Receipt) => Receipt) {
  const changed = (receipt: Receipt & { transactionHash?: Hash }) =>
    receipt.transactionHash === hash ? change(receipt) : receipt
  liar.lie('eth_getTransactionReceipt', (result, params) =>
    isAbout(params, hash) ? change(result as Receipt) : result,
  )
  liar.lie('eth_getBlockReceipts', (result) => (result as Receipt[] | null)?.map(changed) ?? null)
}

test('an RPC that lies about the amount of a token transfer → held, alarm; credited once when they agree again', async () => {
  await expectHeldUntilTheyAgree(payUsdc, 'usdc:31337', ({ hash }) =>
    lieAboutReceipt(hash, (receipt) => ({
      ...receipt,
      logs: receipt.logs.map((log) => ({ ...log, data: numberToHex(1_000_000_000n, { size: 32 }) })),
    })),
  )
})

test('an RPC that lies about the payer of a token transfer → held, credited to nobody else', async () => {
  const thief = await scene.newPayer()
  await expectHeldUntilTheyAgree(payUsdc, 'usdc:31337', ({ hash }) =>
    lieAboutReceipt(hash, (receipt) => ({
      ...receipt,
      logs: receipt.logs.map((log) => ({
        ...log,
        topics: [log.topics[0] as Hex, `0x${thief.slice(2).padStart(64, '0')}`, log.topics[2] as Hex],
      })),
    })),
  )
  expect(await scene.booksOf(thief)).toEqual({ deposits: [], entries: [], events: [], balanceMicros: '0' })
})

test('an RPC that lies about a receipt status, success for failure → held, credited when they agree again', async () => {
  await expectHeldUntilTheyAgree(payEther, 'eth:31337', ({ hash }) =>
    lieAboutReceipt(hash, (receipt) => ({ ...receipt, status: '0x0' })),
  )
})

test('an RPC that lies about the value of a plain payment → held, credited with the true value', async () => {
  await expectHeldUntilTheyAgree(payEther, 'eth:31337', ({ hash }) =>
    liar.lie('eth_getTransactionByHash', (result, params) =>
      isAbout(params, hash) ? { ...(result as object), value: numberToHex(parseEther('5')) } : result,
    ),
  )
})

/** Pays through a contract, which needs a trace to be proven; the contract is the payer. */
async function expectTraceLieIsHeld(lie: (trace: Call) => Call) {
  const contract = await scene.chain.deploy('MultiPayer')
  const value = ETHER
  const args = [scene.chain.accounts.revenue, [value]]
  await expectHeldUntilTheyAgree(
    () => scene.chain.call({ contract, functionName: 'payEth', args, value }),
    'eth:31337',
    ({ hash }) =>
      liar.lie('debug_traceTransaction', (result, params) =>
        isAbout(params, hash) ? lie(result as Call) : result,
      ),
    { payer: contract.address },
  )
}

test('an RPC that lies about the value in a trace → held, credited with the true value', async () => {
  await expectTraceLieIsHeld((top) => ({
    ...top,
    calls: (top.calls ?? []).map((call) => ({ ...call, value: numberToHex(parseEther('5')) })),
  }))
})

test('an RPC that adds a frame to a trace → held, credited without it', async () => {
  await expectTraceLieIsHeld((top) => ({ ...top, calls: [...(top.calls ?? []), ...(top.calls ?? [])] }))
})

test('an RPC that hides the frames of a trace → held, credited with them', async () => {
  await expectTraceLieIsHeld((top) => ({ ...top, calls: [] }))
})

test('an RPC that lies about the AXGT of the payer → held, credited with the tier that is true', async () => {
  // With 100 AXGT the tier has 5 % off: 60 minutes / 0.95.
  await expectHeldUntilTheyAgree(
    payEther,
    'eth:31337',
    ({ block }) =>
      liar.lie('eth_call', (result, params) =>
        params[1] === numberToHex(block.number) ? richer(result as Hex) : result,
      ),
    { axgt: '100', micros: '3789473684' },
  )
})

/** 100 AXGT become 100 000 wherever they stand in an answer. */
function richer(result: Hex): Hex {
  const word = (axgt: string) => numberToHex(parseEther(axgt), { size: 32 }).slice(2)
  return result.replaceAll(word('100'), word('100000')) as Hex
}

test('an RPC that lies about a block hash → held, never orphaned; credited when they agree again', async () => {
  const forged: Hash = `0x${'f0'.repeat(32)}`
  await expectHeldUntilTheyAgree(payUsdc, 'usdc:31337', ({ block }) =>
    // The indexer reads by the same URL: only who asks for this block by its number alone is lied to.
    liar.lie('eth_getBlockByNumber', (result, params) =>
      params[0] === numberToHex(block.number) && params[1] === false
        ? { ...(result as object), hash: forged }
        : result,
    ),
  )
})

test('an RPC that hides a failed ancestor in a trace → what was undone is held, also when they agree, and never credited', async () => {
  const { chain } = scene
  const contract = await chain.deploy('RevertingPayer')
  // The indexer asks whichever it likes, so for it both lie; it is only told where to look. The gate asks each.
  for (const proxy of scene.proxies) {
    for (const method of ['debug_traceBlockByNumber', 'debug_traceBlockByHash']) {
      proxy.lie(method, (result) =>
        (result as { result: Call }[]).map((trace) => ({ ...trace, result: withoutErrors(trace.result) })),
      )
    }
  }
  liar.lie('debug_traceTransaction', (result) => withoutErrors(result as Call))
  const { revenue } = chain.accounts
  const mined = await chain.mineWith(
    chain.call({ contract, functionName: 'pay', args: [revenue], value: parseEther('1') }),
  )
  const hash = mined.hashes[0] as Hash
  await scene.deposit(hash, 'pending')
  await chain.mine(5)
  await scene.deposit(hash, 'held', 'rpc_disagreement')
  expect((await scene.booksOf(contract.address)).entries).toEqual([])

  await Promise.all(scene.proxies.map((proxy) => proxy.heal()))
  // Its block stands, and who saw it there may know better: it is looked at again.
  await scene.deposit(hash, 'held', 'payment_not_seen')
  expect(await scene.booksOf(contract.address)).toMatchObject({
    entries: [],
    events: ['deposit.pending', 'deposit.held', 'deposit.held'],
    balanceMicros: '0',
  })
})

function withoutErrors(frame: Call): Call {
  const { error: _error, calls, ...rest } = frame
  return { ...rest, ...(calls ? { calls: calls.map(withoutErrors) } : {}) }
}

test('while one of the RPCs does not answer at all → held, alarm; credited once when it is back', async () => {
  const payer = await scene.newPayer()
  const mined = await scene.chain.mineWith(payUsdc(scene, payer))
  const hash = mined.hashes[0] as Hash
  await scene.deposit(hash, 'pending')
  await liar.refuseConnections()
  await scene.chain.mine(5)
  const { id } = await scene.deposit(hash, 'held', 'rpc_disagreement')
  expect(heldAlarms(id)).toMatchObject([{ level: 40, reason: 'rpc_disagreement' }])
  const ready = await waitUntil(
    async () => {
      const answer = await scene.service.request('/health/ready')
      return answer.status === 503 && answer.body
    },
    { withinMs: 20_000, what: 'ready to say so' },
  )
  expect(JSON.stringify(ready)).toMatch(/only 1 of 2 RPCs answers/)
  expect((await scene.booksOf(payer)).entries).toEqual([])

  await liar.heal()
  await scene.deposit(hash, 'credited')
  expect(await scene.booksOf(payer)).toMatchObject({
    entries: [{ kind: 'deposit', micros: HOUR, reference: `deposit:${id}:1` }],
    events: ['deposit.pending', 'deposit.held', 'deposit.credited'],
    balanceMicros: HOUR,
  })
  await waitUntil(async () => (await scene.service.request('/health/ready')).status === 200, {
    withinMs: 20_000,
    what: 'ready again',
  })
})
