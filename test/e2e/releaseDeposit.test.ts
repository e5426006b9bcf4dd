import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Hash, parseEther, parseUnits } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ReleaseOrder, releaseDeposit } from '../../billing/desk/releaseDeposit.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from '../support/createChain.ts'
import { createRpcProxy } from '../support/createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from '../support/createTestDatabase.ts'
import { newSigner, type Signer } from '../support/newSigner.ts'
import type { RpcRequest } from '../support/rpcFault.ts'
import { type GateScene, startGateScene } from '../support/startGateScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

// Goal: a payment whose block no node can tell the worth of any more waits and says for what; only an operator's word
// makes another block count, once, and the books show it. Method: the gate alone, pass by pass, over a real chain behind
// RPCs that forget the state of old blocks as pruning nodes do.

/** 1 USD at 2000: an hour. */
const ETHER = parseEther('0.0005')
const HOUR = 3_600_000_000n
/** Beyond the longest pause between two looks at a payment whose state is gone. */
const LOOK_AGAIN_MS = 601_000

let chain: TestChain
let tokens: { usdc: TestToken; axgt: TestToken }
let rpc: ForgetfulRpc
let feed: TestContract
let database: TestDatabase
let gate: GateScene

beforeAll(async () => {
  chain = await createChain()
  tokens = await chain.deployTokens()
  rpc = await startForgetfulRpc(chain.rpcUrl)
})
beforeEach(async () => {
  rpc.forget(-1n)
  feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
  database = await createTestDatabase()
  gate = await openGate(rpc.url)
})
afterEach(async () => {
  const found = await gate.differences()
  await database.drop()
  expect(found).toEqual([])
})
afterAll(async () => {
  await rpc?.stop()
  await chain?.stop()
})

function openGate(rpcUrls: string): Promise<GateScene> {
  const overrides = { ETH_PRICING: 'chainlink', [`ETH_USD_FEED_${chain.chainId}`]: feed.address }
  return startGateScene({ chain, database, rpcUrls, tokens, overrides })
}

interface ForgetfulRpc {
  url: string
  /** Answers for no state up to this block, as geth does; -1 for as good as new. */
  forget(upToBlock: bigint): void
  stop(): Promise<void>
}

/** An RPC in front of a real node that has pruned the state of old blocks, and nothing else of them. */
async function startForgetfulRpc(upstreamUrl: string): Promise<ForgetfulRpc> {
  let forgotten = -1n
  const server = createServer(async (request, response) => {
    const body = await textOf(request)
    const { id, method, params = [] } = JSON.parse(body) as RpcRequest
    const at = String(params[1])
    const isGone = method === 'eth_call' && at.startsWith('0x') && BigInt(at) <= forgotten
    const message = 'missing trie node 8a1f… (path ) state 0x8a1f… is not available'
    const answer = isGone
      ? JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_000, message } })
      : await (await fetch(upstreamUrl, { method: 'POST', headers: JSON_TYPE, body })).text()
    response.writeHead(200, JSON_TYPE).end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forget(upToBlock) {
      forgotten = upToBlock
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

interface Payment {
  id: string
  hash: Hash
  payer: Signer
  block: { number: bigint; hash: Hash }
}

/** Pays in a block of its own. */
async function pay({ value = ETHER, usdc = 0n } = {}): Promise<Payment> {
  const payer = await newSigner(chain)
  const asset = usdc > 0n ? 'usdc' : 'eth'
  if (usdc > 0n) await chain.mineWith(chain.mintToken(tokens.usdc, payer.address, usdc))
  const { hash, raw } = await (usdc > 0n ? payer.payToken(tokens.usdc, usdc) : payer.payEther(value))
  const { number, hash: blockHash } = await chain.mineWith(chain.resend(raw))
  const id = `${chain.chainId}-${hash}-${asset}-${payer.address}`
  return { id, hash, payer, block: { number, hash: blockHash } }
}

/** Mines until the payments are deep enough, hands them in and has the gate pass. */
async function settle(...payments: Payment[]): Promise<void> {
  await chain.mine(5)
  for (const { hash } of payments) await gate.submit(hash)
  await gate.pass()
}

/** Pays, and loses the state of the payment's block before the gate has looked. */
async function payAndForget(payment: Parameters<typeof pay>[0] = {}): Promise<Payment> {
  const paid = await pay(payment)
  rpc.forget(paid.block.number)
  await settle(paid)
  expect(await rowOf(paid)).toMatchObject({ state: 'held', reason: 'state_unavailable' })
  return paid
}

async function passWhenDue(): Promise<void> {
  gate.skip(LOOK_AGAIN_MS)
  await gate.pass()
}

async function rowOf({ id }: Payment) {
  const [row] = await database.sql`
    select state, reason, detail, credit_micros as micros from credits.deposit where id = ${id}`
  return row
}

const credited = (micros: bigint) => ({ state: 'credited', reason: null, detail: null, micros })

/** After this block, the deepest there is, balance and price are to be read. */
async function deepestBlock(): Promise<{ number: bigint; hash: Hash }> {
  const { number, hash } = await chain.client.getBlock({ blockNumber: (await chain.head()).number - 5n })
  return { number, hash }
}

function orderFor({ id }: Payment, atBlock: bigint, more: Partial<ReleaseOrder> = {}): ReleaseOrder {
  const named = { releasedBy: 'operator', note: 'archive node is gone' }
  return { depositId: id, atBlock, ...named, acceptDeviation: false, dryRun: false, ...more }
}

const release = (payment: Payment, atBlock: bigint, more: Partial<ReleaseOrder> = {}) =>
  releaseDeposit(gate.deps, orderFor(payment, atBlock, more))

/** Every row that a release could write or change, as text. */
function everything() {
  return database.sql<{ row: string }[]>`
    select to_jsonb(t)::text as row from credits.deposit t union all
    select to_jsonb(t)::text from credits.deposit_credit t union all
    select to_jsonb(t)::text from credits.deposit_release t union all
    select to_jsonb(t)::text from credits.ledger_entry t union all
    select to_jsonb(t)::text from credits.account t union all
    select to_jsonb(t)::text from credits.price t union all
    select to_jsonb(t)::text from credits.outbox_event t order by 1`
}

describe('a payment whose block has lost its state', () => {
  test('is held, names the RPC that lost it, and is credited by itself when it is there again', async () => {
    const payment = await payAndForget()
    const detail = `rpc 1 (${new URL(rpc.url).host}) no longer has the state of that block`
    expect(await rowOf(payment)).toMatchObject({ state: 'held', reason: 'state_unavailable', detail })
    expect(gate.reports).toContainEqual(
      expect.objectContaining({ kind: 'held', depositId: payment.id, reason: 'state_unavailable', detail }),
    )
    await chain.mineWith(setAnswer('4000'))
    await chain.mine(5)
    await passWhenDue()
    expect(await rowOf(payment)).toMatchObject({ state: 'held', reason: 'state_unavailable', detail })
    rpc.forget(-1n)
    await passWhenDue()
    expect(await rowOf(payment)).toEqual(credited(HOUR))
    expect(await database.sql`select * from credits.deposit_release`).toHaveLength(0)
  })

  test('waits for both of two RPCs, and needs only two of three', async () => {
    gate = await openGate(`${chain.rpcUrl},${rpc.url}`)
    const payment = await payAndForget()
    const detail = `rpc 2 (${new URL(rpc.url).host}) no longer has the state of that block`
    expect(await rowOf(payment)).toMatchObject({ state: 'held', reason: 'state_unavailable', detail })
    rpc.forget(-1n)
    await passWhenDue()
    expect(await rowOf(payment)).toEqual(credited(HOUR))

    const proxy = await createRpcProxy(chain.rpcUrl)
    try {
      gate = await openGate(`${chain.rpcUrl},${rpc.url},${proxy.url}`)
      const another = await pay()
      rpc.forget(another.block.number)
      await settle(another)
      expect(await rowOf(another)).toEqual(credited(HOUR))
    } finally {
      await proxy.stop()
    }
  })
})

/** Waits in the mempool, like every verb that sends. */
function setAnswer(dollars: string): Promise<Hash> {
  const args = [parseUnits(dollars, 8)]
  return chain.call({ contract: feed, functionName: 'setAnswer', args })
}

describe('a release', () => {
  /** Held; at the block returned the payer has 1000 AXGT and ETH is at 4000: 120 minutes, less 10 % of the price. */
  async function payAndMoveOn(payment: Parameters<typeof pay>[0] = {}) {
    const held = await payAndForget(payment)
    await chain.mineWith(
      setAnswer('4000'),
      chain.mintToken(tokens.axgt, held.payer.address, parseUnits('1000', 18)),
    )
    await chain.mine(5)
    const at = await deepestBlock()
    await chain.mineWith(setAnswer('1'))
    return { ...held, at }
  }
  const WORTH = 8_000_000_000n

  test('credits by balance and price of the block ordered, and names it, who ordered it and why', async () => {
    const payment = await payAndMoveOn()
    const outcome = await release(payment, payment.at.number)
    expect(outcome).toMatchObject({
      kind: 'released',
      attempt: 1,
      quote: {
        creditMicros: WORTH,
        tier: { index: 2 },
        axgtBalance: parseUnits('1000', 18),
        asOfBlock: payment.at,
        price: { usdPerUnit: '4000', reading: { block: payment.at, ethUsd: { roundId: 2n } } },
      },
    })
    expect(await rowOf(payment)).toEqual(credited(WORTH))
    expect(await gate.ledger(payment.payer.address)).toEqual({
      references: ['deposit 1'],
      balanceMicros: WORTH,
    })
    expect(await gate.events(payment.payer.address)).toEqual([
      'deposit.pending',
      'deposit.held',
      'deposit.credited',
    ])
    const [kept] = await database.sql`
      select r.reason, r.detail, r.at_block_number as number, r.at_block_hash as hash, r.deviation_accepted as deviation,
        r.released_by as "by", r.note, e.details->>'releasedAtBlock' as "inEntry", c.block_number as "creditedIn"
      from credits.deposit_release r join credits.deposit_credit c using (deposit_id, attempt)
      join credits.ledger_entry e on e.id = c.entry_id`
    expect(kept).toEqual({
      ...payment.at,
      reason: 'state_unavailable',
      detail: `rpc 1 (${new URL(rpc.url).host}) no longer has the state of that block`,
      deviation: false,
      by: 'operator',
      note: 'archive node is gone',
      inEntry: String(payment.at.number),
      creditedIn: payment.block.number,
    })
    expect(gate.reports).toContainEqual(
      expect.objectContaining({ kind: 'credited', depositId: payment.id, micros: WORTH }),
    )
    await expect(database.sql`update credits.deposit_release set note = ''`).rejects.toThrow('append-only')

    const before = await everything()
    const again = { kind: 'not_releasable', state: 'credited', reason: null }
    expect(await release(payment, payment.at.number)).toEqual(again)
    expect(await release(payment, payment.block.number)).toEqual(again)
    rpc.forget(-1n)
    await passWhenDue()
    await gate.submit(payment.hash)
    const after = await everything()
    // Nobody indexes here, so the gate also finds what other tests paid on this chain: that is not what is asked about.
    const ofIt = ({ row }: { row: string }) => row.includes(payment.hash)
    expect(after.filter(ofIt)).toEqual(before.filter(ofIt))
    expect(after.filter(ofIt).length).toBeGreaterThan(4)
  })

  test('that is only tried says the same and changes nothing', async () => {
    const payment = await payAndMoveOn()
    const before = await everything()
    const tried = await release(payment, payment.at.number, { dryRun: true })
    expect(await everything()).toEqual(before)
    const done = await release(payment, payment.at.number)
    if (tried.kind !== 'would_release' || done.kind !== 'released')
      throw new Error(`${tried.kind} ${done.kind}`)
    expect(tried.quote).toEqual(done.quote)
  })

  test('of a token whose delivery can no longer be seen believes the log', async () => {
    const payment = await payAndForget({ usdc: 2_500_000n })
    await chain.mine(5)
    const at = await deepestBlock()
    expect(await release(payment, at.number)).toMatchObject({ kind: 'released', quote: { asOfBlock: at } })
    expect(await rowOf(payment)).toEqual(credited((5n * HOUR) / 2n))
  })

  test('of a payment without a price credits by the block ordered, earlier or later', async () => {
    await chain.mine()
    const healthy = await chain.head()
    await chain.mineWith(setAnswer('0'))
    const payments = [await pay(), await pay()] as const
    await settle(...payments)
    for (const payment of payments)
      expect(await rowOf(payment)).toMatchObject({ reason: 'price_unavailable' })
    expect(await release(payments[0], healthy.number)).toMatchObject({ kind: 'released' })
    expect(await rowOf(payments[0])).toEqual(credited(HOUR))
    const refused = await release(payments[1], payments[1].block.number)
    expect(refused).toEqual({ kind: 'unpriced', detail: 'the ETH/USD feed answers 0' })
    const later = await chain.mineWith(setAnswer('3000'))
    await chain.mine(5)
    expect(await release(payments[1], later.number)).toMatchObject({ kind: 'released' })
    expect(await rowOf(payments[1])).toEqual(credited((3n * HOUR) / 2n))
  })

  test('is refused, and changes nothing, where the block ordered cannot tell either', async () => {
    const payment = await payAndForget({ value: ETHER / 2n })
    await chain.mine(6)
    const { number: deepest } = await deepestBlock()
    const before = await everything()
    for (const tooHigh of [deepest + 1n, deepest + 5n, deepest + 1_000_000n]) {
      expect(await release(payment, tooHigh)).toEqual({
        kind: 'block_not_deep_enough',
        deepestBlock: deepest,
      })
    }
    const gone = await release(payment, payment.block.number)
    expect(gone).toMatchObject({
      kind: 'unproven',
      detail: expect.stringContaining('no longer has the state'),
    })
    const detail = `it is below the minimum at that block: ${ETHER / 2n} of ${ETHER} base units`
    expect(await release(payment, deepest)).toEqual({ kind: 'unpriced', detail })
    expect(await release({ ...payment, id: 'nothing' }, deepest)).toEqual({ kind: 'not_found' })
    expect(await everything()).toEqual(before)
  })

  test('is refused for a payment that a reorg has removed', async () => {
    const payment = await payAndForget()
    await chain.reorg(6)
    await chain.mine(6)
    const { number } = await deepestBlock()
    expect(await release(payment, number)).toEqual({
      kind: 'unproven',
      detail: 'its block is no longer canonical',
    })
    expect(await gate.ledger(payment.payer.address)).toEqual({ references: [], balanceMicros: 0n })
    rpc.forget(-1n)
    await passWhenDue()
    expect(await rowOf(payment)).toMatchObject({ state: 'orphaned' })
  })

  test('is no way around the minimum, nor around RPCs that contradict each other', async () => {
    const small = await pay({ value: ETHER / 2n })
    await settle(small)
    const { number } = await deepestBlock()
    expect(await release(small, number)).toEqual({
      kind: 'not_releasable',
      state: 'held',
      reason: 'below_minimum',
    })
    const pending = await pay()
    await gate.submit(pending.hash)
    expect(await release(pending, number)).toEqual({
      kind: 'not_releasable',
      state: 'pending',
      reason: null,
    })
    await settle(pending)

    const proxy = await createRpcProxy(chain.rpcUrl)
    try {
      gate = await openGate(`${chain.rpcUrl},${proxy.url}`)
      proxy.lie('eth_call', (result) => String(result).replace(/.{64}$/, '1'.repeat(64)))
      const doubted = await pay()
      await settle(doubted)
      await proxy.heal()
      const refused = await release(doubted, doubted.block.number)
      expect(refused).toEqual({ kind: 'not_releasable', state: 'held', reason: 'rpc_disagreement' })
    } finally {
      await proxy.stop()
    }
  })

  // Method: both have proven the payment and wait for its row, which the test holds; who came first gets it first.
  test.each([
    { first: 'release', released: 1, micros: 2n * HOUR },
    { first: 'pass', released: 0, micros: HOUR },
  ])(
    'that races with another and with the gate’s own pass credits once: the $first comes first',
    async (race) => {
      const payment = await payAndForget()
      const at = await chain.mineWith(setAnswer('4000'))
      await chain.mine(5)
      rpc.forget(-1n)
      gate.skip(LOOK_AGAIN_MS)
      const releases = () => [release(payment, at.number), release(payment, at.number)]
      const { outcomes } = await database.sql.begin(async (tx) => {
        await tx`select 1 from credits.deposit where id = ${payment.id} for update`
        const early = race.first === 'release' ? releases() : [gate.pass()]
        await untilWaiting(early.length)
        const late = race.first === 'release' ? [gate.pass()] : releases()
        await untilWaiting(3)
        // Not awaited before the row is let go of, for which they wait.
        return { outcomes: Promise.all([...early, ...late]) }
      })
      const told = (await outcomes).flatMap((outcome) => (typeof outcome === 'boolean' ? [] : [outcome.kind]))
      expect(told.sort()).toEqual(race.released === 1 ? ['released', 'unproven'] : ['unproven', 'unproven'])
      expect(await gate.ledger(payment.payer.address)).toEqual({
        references: ['deposit 1'],
        balanceMicros: race.micros,
      })
      expect(await database.sql`select 1 from credits.deposit_release`).toHaveLength(race.released)
      const events = await gate.events(payment.payer.address)
      expect(events.filter((kind) => kind === 'deposit.credited')).toHaveLength(1)
    },
  )
})

/** Until so many connections to the test's database wait for a row that another one holds. */
async function untilWaiting(connections: number): Promise<void> {
  const count = async () => {
    const [row] = await database.sql<{ waiting: number }[]>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`
    return row?.waiting === connections
  }
  await waitUntil(count, { withinMs: 10_000, what: `${connections} connections to wait for a row` })
}

describe('verify', () => {
  async function corrupt(statement: string): Promise<void> {
    await database.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      await tx.unsafe(statement)
    })
  }
  const toldOf = async ({ id }: Payment) => {
    const found = (await gate.differences()).map((json) => JSON.parse(json) as Record<string, string>)
    return found.map(({ rule, subject }) => [rule, subject === `credit ${id} attempt 1`])
  }
  const named = [['release-is-not-its-credit', true]]

  test('names a credit whose entry tells of a release that nobody ordered', async () => {
    const payment = await pay()
    await settle(payment)
    const undo = `update credits.ledger_entry set details = details - 'releasedAtBlock'`
    await corrupt(`update credits.ledger_entry set details = details || '{"releasedAtBlock": "5"}'`)
    expect(await toldOf(payment)).toEqual(named)
    await corrupt(undo)
  })

  test('names a release whose row is gone, or is of another block than the quote', async () => {
    const payment = await payAndForget()
    const at = await chain.mine(6)
    const block = at.number - 5n
    expect(await release(payment, block)).toMatchObject({ kind: 'released' })
    const set = (number: bigint) => `update credits.deposit_release set at_block_number = ${number}`
    await corrupt(set(block - 1n))
    expect(await toldOf(payment)).toEqual(named)
    await corrupt(set(block))
    expect(await gate.differences()).toEqual([])
    const [row] = await database.sql<{ row: string }[]>`
      select to_jsonb(r)::text as row from credits.deposit_release r`
    await corrupt('delete from credits.deposit_release')
    expect(await toldOf(payment)).toEqual(named)
    await corrupt(`insert into credits.deposit_release
      select * from jsonb_populate_record(null::credits.deposit_release, '${row?.row}')`)
  })
})
