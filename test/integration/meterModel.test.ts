import fc from 'fast-check'
import { keccak256, toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { accrueStorage } from '../../billing/metering/accrueStorage.ts'
import { type MeterAction, type MeterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { readAccount } from '../../billing/metering/readAccount.ts'
import { expireSessions } from '../../billing/metering/runMetering.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import { createMeterScene, type MeterScene } from '../support/createMeterScene.ts'
import { creditTestDeposit, reverseTestDeposit } from '../support/creditTestDeposit.ts'
import { MeterModel } from '../support/meterModel.ts'
import { readDifferences } from '../support/readDifferences.ts'

// The real statements on a real database, and a model written from the specification, told the same commands: after each
// of them both must hold the same balances, sessions and volumes, whatever the commands are and in whatever order.

const WALLETS = ['a1', 'b0', 'c2'].map((byte): `0x${string}` => `0x${byte.repeat(20)}`)
const IDS = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7']
const VOLUMES = ['v0', 'v1', 'v2']
const SECOND = 1_000_000n
const MINUTE = 60n * SECOND

/** Little grace and an early warning, so that a short history gets there: by the allowance and by the share. */
const limits: MeterLimits = {
  heartbeatIntervalMicros: 30n * SECOND,
  heartbeatTimeoutMicros: 120n * SECOND,
  graceMicros: 300n * SECOND,
  gracePercent: 25,
  lowBalanceMinutes: 2,
}
const MICROS_PER_GIB_HOUR = 3_000_000n
const rate = {
  microsPerGibHour: { numerator: MICROS_PER_GIB_HOUR, denominator: 1n },
  debtLimitMicros: 100n * MINUTE,
}

type Command =
  | { kind: 'pass' | 'passUnheard'; micros: bigint }
  | { kind: 'give' | 'deposit'; wallet: number; micros: bigint }
  | { kind: 'reverse' | 'again'; nth: number }
  | { kind: 'start'; id: string; wallet: number; gpus: number }
  | { kind: MeterAction; ids: string[] }
  | { kind: 'expireSilent' | 'accrue' | 'post' }
  | { kind: 'put'; id: string; wallet: number; size: bigint }
  | { kind: 'delete'; id: string }

const wallet = fc.integer({ min: 0, max: WALLETS.length - 1 })
const id = fc.constantFrom(...IDS)
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: IDS.length })
/** The limits, and a microsecond to either side of them, more often than other times. */
const stretch = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(30n, 60n, 119n).map((seconds) => seconds * SECOND) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(0n, 30n, 120n, 300n, 3_600n), fc.constantFrom(-1n, 0n, 1n))
      .map(([seconds, micro]) => (seconds === 0n ? 1n : seconds * SECOND + micro)),
  },
  { weight: 2, arbitrary: fc.bigInt({ min: 1n, max: 150n * SECOND }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 5_000n * SECOND }) },
)
/** What is no downtime yet, a downtime, and one so long that storage is not charged for all of it. */
const outage = fc.oneof(
  fc.constantFrom(15n * SECOND, 15n * SECOND + 1n),
  fc.constant(8n * 86_400n * SECOND),
  fc.bigInt({ min: 1n, max: 10_000n * SECOND }),
)
/** Whole minutes, which whole intervals use up to the micro, and any. */
const amount = fc.oneof(
  fc.bigInt({ min: 1n, max: 20n }).map((minutes) => minutes * MINUTE),
  fc.bigInt({ min: 1n, max: 20n * MINUTE }),
  fc.constantFrom(1n, 60n * MINUTE),
)
const size = fc.oneof(fc.constantFrom(0n, 1n, 100n << 30n), fc.bigInt({ min: 0n, max: 1n << 42n }))

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), micros: stretch }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('passUnheard' as const), micros: outage }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('give' as const), wallet, micros: amount }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('give' as const),
      wallet,
      micros: amount.map((micros) => -micros),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('deposit' as const), wallet, micros: amount }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('reverse' as const, 'again' as const),
      nth: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      id,
      wallet,
      gpus: fc.constantFrom(1, 2, 4, 8),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('beat' as const), ids: fc.tuple(id) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('beat' as const), ids }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('release' as const, 'end' as const, 'expire' as const),
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expireSilent' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('accrue' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('post' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      id: fc.constantFrom(...VOLUMES),
      wallet,
      size,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), id: fc.constantFrom(...VOLUMES) }),
  },
)

/** Begins with something to spend and to run, or most histories would end before they began. */
const history = fc
  .tuple(
    fc.array(amount, { minLength: WALLETS.length, maxLength: WALLETS.length }),
    fc.array(command, { minLength: 30, maxLength: 60, size: 'max' }),
  )
  .map(([amounts, commands]): Command[] => [
    ...amounts.map((micros, n): Command => ({ kind: 'deposit', wallet: n, micros: micros + 4n * MINUTE })),
    { kind: 'start', id: 's0', wallet: 0, gpus: 1 },
    { kind: 'start', id: 's1', wallet: 0, gpus: 2 },
    { kind: 'start', id: 's2', wallet: 1, gpus: 1 },
    { kind: 'put', id: 'v0', wallet: 2, size: 100n << 30n },
    ...commands,
  ])

const walletOf = (n: number): `0x${string}` => WALLETS[n] ?? '0x'

/** The deposits of a history, in order. */
const depositsOf = new WeakMap<MeterScene, { payer: `0x${string}`; micros: bigint; word: string }[]>()

/** Tells the database a command; what it answers, in the model's words. */
async function tellDatabase(scene: MeterScene, one: Command): Promise<unknown> {
  const { sql, clock } = scene
  switch (one.kind) {
    case 'pass':
      return clock.pass(Number(one.micros) / 1e6)
    case 'passUnheard':
      return clock.passUnheard(Number(one.micros) / 1e6)
    case 'give':
      return scene.give(walletOf(one.wallet), one.micros)
    case 'deposit': {
      const deposits = depositsOf.get(scene) ?? []
      const deposit = { payer: walletOf(one.wallet), micros: one.micros, word: `deposit ${deposits.length}` }
      await creditTestDeposit(sql, limits, deposit)
      depositsOf.set(scene, [...deposits, deposit])
      return undefined
    }
    case 'reverse':
    case 'again': {
      const deposit = depositsOf.get(scene)?.[one.nth]
      if (deposit === undefined) return false
      if (one.kind === 'reverse') return reverseTestDeposit(sql, deposit)
      const reversed = await sql`
        select 1 from credits.deposit where payer = ${deposit.payer} and tx_hash = ${keccak256(toHex(deposit.word))} and state = 'reversed'`
      if (reversed.length > 0) await creditTestDeposit(sql, limits, deposit)
      return reversed.length > 0
    }
    case 'start':
      return (
        await startSession(sql, limits, {
          id: one.id,
          account: walletOf(one.wallet),
          profile: `gpu-${one.gpus}`,
          gpus: one.gpus,
        })
      ).kind
    case 'beat':
    case 'release':
    case 'end':
    case 'expire':
      return (await meterSessions(sql, limits, one.ids, one.kind))
        .map((session) => ({
          id: session.id,
          state: session.state,
          endReason: session.endReason,
          billed: session.billedMicros,
          total: session.totalBilledMicros,
          balance: session.balanceMicros,
          isLow: session.isLow,
          graceLeft: session.graceLeftMicros,
        }))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
    case 'expireSilent':
      return (await expireSessions(sql, limits)).map((session) => session.id).sort()
    case 'accrue':
      return accrueStorage(sql, rate)
    case 'post':
      return postUsage(sql)
    case 'put':
      return (await putVolume(sql, rate, { id: one.id, account: walletOf(one.wallet), sizeBytes: one.size }))
        .kind
    case 'delete':
      await deleteVolume(sql, rate, one.id)
      return undefined
  }
}

function tellModel(model: MeterModel, one: Command): unknown {
  switch (one.kind) {
    case 'pass':
    case 'passUnheard':
      return model[one.kind](one.micros)
    case 'give':
    case 'deposit':
      return model[one.kind](walletOf(one.wallet), one.micros)
    case 'reverse':
    case 'again':
      return model.move(one.nth, one.kind === 'again')
    case 'start':
      return model.start(one.id, walletOf(one.wallet), BigInt(one.gpus))
    case 'beat':
    case 'release':
    case 'end':
    case 'expire':
      return model.meter(one.kind, one.ids)
    case 'expireSilent':
      return model.expire()
    case 'accrue':
    case 'post':
      return model[one.kind]()
    case 'put':
      return model.put(one.id, walletOf(one.wallet), one.size)
    case 'delete':
      return model.delete(one.id)
  }
}

/** Everything that both have an opinion on. */
async function stateOfDatabase({ sql }: MeterScene) {
  const [accounts, sessions, volumes, events, balances] = await Promise.all([
    sql`
      select w.account, coalesce(a.balance_micros, 0) as ledger,
        coalesce(a.balance_micros, 0) - coalesce(m.unposted_micros, 0) as balance,
        coalesce(m.grace_used_micros, 0) as "graceUsed", coalesce(m.grace_total_micros, 0) as "graceTotal",
        credits.bought_micros(w.account) as bought
      from unnest(${WALLETS as string[]}::text[]) as w (account)
      left join credits.account a on a.address = w.account
      left join credits.meter m on m.account = w.account order by w.account`,
    sql`
      select id, account, state, end_reason as "endReason", total_billed_micros as total, grace_micros as grace
      from credits.session order by id`,
    sql`
      select id, account, size_bytes as size, deleted_at is not null as "isDeleted", total_billed_micros as total
      from credits.volume order by id`,
    sql<{ kind: string; count: number }[]>`
      select kind, count(*)::int as count from credits.outbox_event where kind not like 'volume.%' and kind not like 'deposit.%' group by kind`,
    Promise.all(WALLETS.map(async (account) => (await readAccount(sql, limits, account)).balanceMicros)),
  ])
  return {
    accounts: accounts.map((row) => ({ ...row })),
    sessions: sessions.map((row) => ({ ...row })),
    volumes: volumes.map((row) => ({ ...row })),
    events: Object.fromEntries(events.map(({ kind, count }) => [kind, count])),
    balances,
  }
}

function stateOfModel(model: MeterModel): Awaited<ReturnType<typeof stateOfDatabase>> {
  const sorted = <T extends { id: string }>(rows: Iterable<T>) =>
    [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    accounts: WALLETS.map((account) => ({
      account,
      ledger: model.ledgerBalance(account),
      balance: model.unpostedBalance(account),
      ...model.graceOf(account),
    })),
    sessions: sorted(model.sessions.values()).map((session) => ({
      id: session.id,
      account: session.account,
      state: session.state,
      endReason: session.endReason,
      total: session.total,
      grace: session.grace,
    })),
    volumes: sorted(model.volumes.values()).map((volume) => ({
      id: volume.id,
      account: volume.account,
      size: volume.size,
      isDeleted: volume.isDeleted,
      total: volume.total,
    })),
    events: Object.fromEntries(model.told),
    balances: WALLETS.map((account) => model.balanceNow(account)),
  }
}

async function expectBooksInOrder(scene: MeterScene) {
  for (const account of WALLETS) {
    const books = await scene.books(account)
    expect(books.unposted).toBe(books.unpostedUsage)
    expect(books.balance).toBe(books.entries - books.unpostedUsage)
    expect(books.used).toBe(books.billed)
  }
  expect(await readDifferences(scene.sql)).toEqual([])
}

async function withScene(work: (scene: MeterScene) => Promise<void>) {
  const scene = await createMeterScene()
  try {
    await work(scene)
  } finally {
    await scene.stop()
  }
}

type State = Awaited<ReturnType<typeof stateOfDatabase>>

/** Whatever else happens: grace that was used now is, with all before, within the share of what was bought until now. */
function expectGraceWithinShare(one: Command, before: State, after: State) {
  for (const [n, account] of after.accounts.entries()) {
    const earlier = before.accounts[n]
    if (account.graceTotal === earlier?.graceTotal) continue
    expect(
      account.graceTotal * 100n,
      JSON.stringify(one, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).toBeLessThanOrEqual(BigInt(limits.gracePercent) * (earlier?.bought ?? 0n))
  }
}

/** Usage may take a balance to zero, never below: whoever was billed something left nothing less. */
function expectNotBelowZero(answer: unknown) {
  if (!Array.isArray(answer)) return
  for (const one of answer)
    if (typeof one === 'object' && one.billed > 0n) expect(one.balance).toBeGreaterThanOrEqual(0n)
}

/** Looking for a shorter history that fails too ends in time for what was found to be told. */
const SHRINKING = { interruptAfterTimeLimit: 100_000 }

describe('any history', () => {
  test('is metered as the model says, command by command, and leaves the books in order', async () => {
    await fc.assert(
      fc.asyncProperty(history, (commands) =>
        withScene(async (scene) => {
          const model = new MeterModel(limits, MICROS_PER_GIB_HOUR)
          let before = await stateOfDatabase(scene)
          for (const one of commands) {
            const answer = await tellDatabase(scene, one)
            expectNotBelowZero(answer)
            expect({ one, answer }).toEqual({ one, answer: tellModel(model, one) })
            const after = await stateOfDatabase(scene)
            expect({ one, ...after }).toEqual({ one, ...stateOfModel(model) })
            expectGraceWithinShare(one, before, after)
            before = after
          }
          await expectBooksInOrder(scene)
        }),
      ),
      { numRuns: 12, ...SHRINKING },
    )
  }, 400_000)

  test('ends alike in batches and one by one', async () => {
    // A batch knows what is left when all are billed; one by one, an earlier session learns with its next heartbeat that a
    // later one took the rest. So each heartbeat is repeated at its moment, which bills nothing, in both worlds.
    await fc.assert(
      fc.asyncProperty(history, (commands) =>
        withScene(async (batched) =>
          withScene(async (single) => {
            for (const one of commands) {
              await tellDatabase(batched, one)
              // What is spent is judged by all that are named; and the service names all.
              if (!('ids' in one) || one.kind === 'expire') {
                await tellDatabase(single, one)
                continue
              }
              const apart = [...one.ids].sort().map((id) => ({ ...one, ids: [id] }))
              for (const each of apart) await tellDatabase(single, each)
              if (one.kind === 'beat') {
                await tellDatabase(batched, one)
                for (const each of apart) await tellDatabase(single, each)
              }
            }
            const { events: _told, ...inBatches } = await stateOfDatabase(batched)
            const { events: _toldApart, ...oneByOne } = await stateOfDatabase(single)
            expect(oneByOne).toEqual(inBatches)
            await expectBooksInOrder(single)
          }),
        ),
      ),
      { numRuns: 6, ...SHRINKING },
    )
  }, 400_000)
})

test('the model knows what the specification gives as examples', () => {
  const model = new MeterModel({ ...limits, graceMicros: 7_200n * SECOND }, MICROS_PER_GIB_HOUR)
  const [alice = '', bob = ''] = WALLETS
  const run = (id: string, seconds: bigint) => {
    for (let left = seconds; left > 0n; left -= 30n) {
      model.pass((left < 30n ? left : 30n) * SECOND)
      model.meter('beat', [id])
    }
  }
  model.give(alice, 1_000n * MINUTE)
  expect(model.start('four', alice, 4n)).toBe('created')
  run('four', 500n)
  expect(model.meter('release', ['four'])).toMatchObject([{ total: 2_000n * SECOND }])
  model.start('two', alice, 2n)
  run('two', 600n)
  expect(model.meter('release', ['two'])).toMatchObject([{ total: 20n * MINUTE }])
  model.put('v', bob, 100n << 30n)
  model.pass(3_600n * SECOND)
  expect(model.accrue()).toBe(5n * MINUTE)
  expect(model.unpostedBalance(bob)).toBe(-5n * MINUTE)
  model.start('silent', alice, 1n)
  model.pass(120n * SECOND + 1n)
  expect(model.expire()).toEqual(['silent'])
  expect(model.sessions.get('silent')).toMatchObject({ endReason: 'heartbeat_timeout', total: 30n * SECOND })
})
