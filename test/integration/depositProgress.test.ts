import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createProgressTeller } from '../../billing/api/stream/eventStreams.ts'
import { openDepositProgress } from '../../billing/deposits/openDepositProgress.ts'
import { writeStatus } from '../../billing/gate/reportGate.ts'
import { createStreamScene, type StreamClient, type StreamScene } from '../support/createStreamScene.ts'
import { waitUntil } from '../support/waitUntil.ts'

type Address = `0x${string}`
const addressOf = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const ALICE = addressOf(0xa1)
const BOB = addressOf(0xb0b)

let scene: StreamScene

beforeEach(async () => {
  scene = await createStreamScene()
})
afterEach(() => scene.end())

const hashOf = (n: number): Address => `0x${n.toString(16).padStart(64, '0')}`
const idOf = (payer: Address, n: number) => `1-${hashOf(n)}-usdc-${payer}`

/** What the gate does when it first sees a deposit: the row and the event, in one transaction. */
async function see(payer: Address, n: number, blockNumber: number): Promise<string> {
  const id = idOf(payer, n)
  await scene.sql.begin(async (tx) => {
    await tx`
      insert into credits.deposit (id, chain_id, tx_hash, rail, payer, state, amount_base_units, block_number,
        block_hash, block_timestamp)
      values (${id}, 1, ${hashOf(n)}, 'usdc:1', ${payer}, 'pending', 1000000, ${blockNumber},
        ${hashOf(blockNumber)}, now())`
    await tx`
      insert into credits.outbox_event (kind, account, payload)
      values ('deposit.pending', ${payer}, ${tx.json({ id })})`
  })
  return id
}

/** What the gate does when a deposit is credited, as far as streams tell of it. */
const credit = (payer: Address, id: string) =>
  scene.sql.begin(async (tx) => {
    await tx`update credits.deposit set state = 'credited', credit_micros = 3600000000 where id = ${id}`
    await tx`
      insert into credits.outbox_event (kind, account, payload)
      values ('deposit.credited', ${payer}, ${tx.json({ id, creditMicros: '3600000000' })})`
  })

/** What the gate writes down with every pass. */
const headAt = (blockNumber: number, fork = 0) =>
  writeStatus(
    scene.sql,
    { chainId: 1, setup: { wallet: `0x${'cc'.repeat(20)}`, ethDetection: 'traces' } },
    {
      number: BigInt(blockNumber),
      hash: hashOf(blockNumber * 16 + fork),
      timestamp: 1_700_000_000n,
      finalizedNumber: 1n,
    },
  )

/** The deposits a client was told of, as `id` where it moves the client on, state and confirmations. */
const depositsTold = ({ messages }: StreamClient) =>
  messages
    .filter(({ event }) => event === 'deposit')
    .map(({ id, data }) => `${id === '' ? '' : 'event: '}${data.state} ${data.confirmations}`)

const untilTold = (client: StreamClient, last: string) =>
  waitUntil(() => depositsTold(client).at(-1) === last && depositsTold(client), {
    withinMs: 10_000,
    what: `"${last}" to be told, after ${depositsTold(client).join(', ')}`,
  })

describe('a wallet that listens', () => {
  test('is told each time that the confirmations of its pending deposits change, until they are credited', async () => {
    await headAt(100)
    const client = await scene.listen(ALICE)
    await client.until(1)
    const id = await see(ALICE, 1, 100)
    await untilTold(client, 'event: pending 1')
    for (let confirmations = 2; confirmations <= 5; confirmations += 1) {
      await headAt(99 + confirmations)
      await untilTold(client, `pending ${confirmations}`)
    }
    const progress = client.messages.findLast(({ event }) => event === 'deposit')
    expect(progress).toEqual({
      event: 'deposit',
      id: '',
      data: {
        id,
        txHash: hashOf(1),
        chainId: 1,
        rail: 'usdc:1',
        payer: ALICE,
        amountBaseUnits: '1000000',
        state: 'pending',
        reason: null,
        retryAt: null,
        confirmations: 5,
        confirmationsRequired: 6,
        creditMicros: null,
        creditMinutes: null,
        blockNumber: '100',
        blockTime: expect.stringMatching(/^\d{4}-.*Z$/),
        creditedAt: null,
      },
    })
    await headAt(105)
    await untilTold(client, 'pending 6')
    await credit(ALICE, id)
    await untilTold(client, 'event: credited 6')
    await headAt(106)
    await scene.tell(ALICE, 'afterwards')
    await waitUntil(() => client.messages.find(({ data }) => data.id === 'afterwards'), {
      withinMs: 10_000,
      what: 'what happened afterwards',
    })
    // The look with which a stream begins may see the deposit just before its event is told.
    const told = depositsTold(client)
    expect(told.slice(told.indexOf('event: pending 1'))).toEqual([
      'event: pending 1',
      'pending 2',
      'pending 3',
      'pending 4',
      'pending 5',
      'pending 6',
      'event: credited 6',
    ])
  })

  test('is told how far they are when it comes, and nothing while they stay so', async () => {
    await headAt(102)
    await see(ALICE, 1, 100)
    await see(BOB, 2, 100)
    await scene.published()
    const client = await scene.listen(ALICE)
    await untilTold(client, 'pending 3')
    // A pass at the same head, and one at a head from which nothing is another block deep.
    await headAt(102)
    await headAt(102, 1)
    await headAt(103)
    await untilTold(client, 'pending 4')
    // The chain went back: so do the confirmations.
    await headAt(101, 1)
    await untilTold(client, 'pending 2')
    expect(depositsTold(client)).toEqual(['pending 3', 'pending 4', 'pending 2'])
  })

  test('that resumes right after progress misses no event', async () => {
    await headAt(100)
    const before = await scene.listen(ALICE)
    await before.until(1)
    const id = await see(ALICE, 1, 100)
    await untilTold(before, 'event: pending 1')
    await headAt(101)
    await untilTold(before, 'pending 2')
    before.leave()
    // As a browser does it: the id of the last message that had one.
    const lastEventId = before.messages.findLast((message) => message.id !== '')?.id ?? ''
    await scene.tell(ALICE, 'meanwhile')
    await credit(ALICE, id)
    await scene.published()
    const after = await scene.listen(ALICE, { lastEventId })
    await untilTold(after, 'event: credited 2')
    await after.until(5)
    expect(after.messages.map(({ event }) => event)).toEqual([
      'session',
      'balance',
      'deposit',
      'balance',
      'balance',
    ])
  })

  test('is told of at most twenty at once, the newest', async () => {
    await headAt(200)
    for (let n = 1; n <= 22; n += 1) await see(ALICE, n, 170 + n)
    await scene.published()
    const client = await scene.listen(ALICE)
    await client.until(21)
    await headAt(201)
    await client.until(41)
    const ids = client.messages.slice(-20).map(({ data }) => data.id)
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => idOf(ALICE, i + 3)))
  })
})

describe('what it costs', () => {
  test('is one look for all who listen and each head, and none while nobody listens', async () => {
    const asked: string[] = []
    const counting = new Proxy(scene.sql, {
      apply(target, self, args) {
        const text = String(args[0])
        if (text.includes('select')) asked.push(text)
        return Reflect.apply(target as never, self, args)
      },
    })
    const queries = () => asked.filter((text) => text.includes('credits.deposit d')).length
    const progress = await openDepositProgress(counting, {
      confirmationsRequired: () => 6,
      stop: scene.stop.signal,
      onProblem: (error) => {
        throw error
      },
    })
    await headAt(100)
    await see(ALICE, 1, 100)
    await see(BOB, 2, 100)
    const heads: number[] = []
    // Another listener to the same heads: by when it has seen one, so have we.
    const listening = await scene.sql.listen('credits_heads', () => heads.push(heads.length))
    await headAt(101)
    await waitUntil(() => heads.length === 1, { withinMs: 5_000, what: 'the head to be announced' })
    expect(asked).toEqual([])

    let wakes = 0
    const leaving = [ALICE, ALICE, BOB, addressOf(3)].map((wallet) =>
      progress.subscribe(wallet, () => {
        wakes += 1
      }),
    )
    await waitUntil(() => wakes >= 3, { withinMs: 5_000, what: 'the first look' })
    const before = queries()
    wakes = 0
    await headAt(102)
    await waitUntil(() => wakes >= 3, { withinMs: 5_000, what: 'a look at the next head' })
    expect([queries() - before, wakes]).toEqual([1, 3])
    expect(progress.latest(ALICE)?.deposits).toMatchObject([{ confirmations: 3, state: 'pending' }])
    expect(progress.latest(addressOf(3))).toBeNull()

    for (const leave of leaving) leave()
    expect(progress.latest(ALICE)).toBeNull()
    await listening.unlisten()
    scene.stop.abort()
    await progress.over
  })
})

describe('what is told of pending deposits between their events', () => {
  test('is never older than the events told before it', () => {
    const teller = createProgressTeller()
    const deposit = {
      id: idOf(ALICE, 1),
      txHash: hashOf(1),
      chainId: 1,
      rail: 'usdc:1' as const,
      payer: ALICE,
      amountBaseUnits: 1n,
      state: 'pending' as const,
      reason: null,
      detail: null,
      confirmations: 5,
      confirmationsRequired: 6,
      creditMicros: null,
      blockNumber: 100n,
      retryAt: null,
      blockTime: new Date(0),
      creditedAt: null,
    }
    const lookedAt = performance.now()
    const data = { id: deposit.id, state: 'credited', blockNumber: '100', confirmations: 6 }
    teller.noteEvents([{ id: 1n, event: 'deposit', data }])
    expect(teller.changesIn({ lookedAt, deposits: [deposit] })).toBe('outdated')
    const later = performance.now() + 1
    expect(teller.changesIn({ lookedAt: later, deposits: [] })).toEqual([])
    // A reorg brought it back, as yet without an event of its own.
    expect(teller.changesIn({ lookedAt: later, deposits: [deposit] })).toHaveLength(1)
    expect(teller.changesIn({ lookedAt: later, deposits: [deposit] })).toEqual([])
  })
})
