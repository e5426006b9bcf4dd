import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { releaseDeposit } from '../../billing/desk/releaseDeposit.ts'
import { registerEndpoint } from '../../billing/events/webhooks/deliveries.ts'
import { adjust } from '../../billing/ledger/adjust.ts'
import { accrueStorage, type StorageRate } from '../../billing/metering/accrueStorage.ts'
import { type MeterLimits, meterSessions } from '../../billing/metering/meterSessions.ts'
import { postUsage } from '../../billing/metering/postUsage.ts'
import { startSession } from '../../billing/metering/sessions.ts'
import { deleteVolume, putVolume } from '../../billing/metering/volumes.ts'
import { createChain, type TestChain, type TestContract, type TestToken } from './createChain.ts'
import { createMeterClock } from './createMeterClock.ts'
import { createTestDatabase, type TestDatabase } from './createTestDatabase.ts'
import { newSigner, type Signer } from './newSigner.ts'
import { type GateScene, startGateScene } from './startGateScene.ts'

/** Books with at least one row of everything that money depends on, written by the service's own code on a real chain. */
export interface FullBooks {
  chain: TestChain
  database: TestDatabase
  tokens: { usdc: TestToken; axgt: TestToken }
  feed: TestContract
  /** Its gate, at fixed rates and at market prices. */
  fixed: GateScene
  market: GateScene
  /** Deposits by what became of them. */
  deposits: Record<
    | 'tiered'
    | 'usdc'
    | 'axgt'
    | 'small'
    | 'together'
    | 'reversed'
    | 'again'
    | 'priced'
    | 'released'
    | 'pending',
    { id: string; hash: Hash; payer: Address }
  >
  stop(): Promise<void>
}

const limits: MeterLimits = {
  heartbeatIntervalMicros: 30_000_000n,
  heartbeatTimeoutMicros: 120_000_000n,
  graceMicros: 7_200_000_000n,
  gracePercent: 10,
  lowBalanceMinutes: 10,
}
const rate: StorageRate = {
  microsPerGibHour: { numerator: 3_000_000n, denominator: 1n },
  debtLimitMicros: 86_400_000_000n,
}
const GIB = 1n << 30n
const HOUR_MS = 3_600_000

/** Makes them: some twenty payments, three hours of sessions and volumes. Takes some seconds. */
export async function createFullBooks(): Promise<FullBooks> {
  const [chain, database] = await Promise.all([createChain(), createTestDatabase()])
  try {
    const tokens = await chain.deployTokens()
    const feed = await chain.deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)])
    const fixed = await startGateScene({ chain, database, tokens })
    const overrides = { ETH_PRICING: 'chainlink', [`ETH_USD_FEED_${chain.chainId}`]: feed.address }
    const market = await startGateScene({ chain, database, tokens, overrides })
    const deposits = await payEverything({ chain, tokens, feed, fixed, market })
    await useEverything(database, deposits)
    return {
      ...{ chain, database, tokens, feed, fixed, market, deposits },
      async stop() {
        await Promise.all([chain.stop(), database.drop()])
      },
    }
  } catch (error) {
    await Promise.all([chain.stop(), database.drop()])
    throw error
  }
}

type Paid = FullBooks['deposits']['usdc']

async function payEverything({
  chain,
  tokens: { usdc, axgt },
  feed,
  fixed,
  market,
}: Pick<FullBooks, 'chain' | 'tokens' | 'feed' | 'fixed' | 'market'>): Promise<FullBooks['deposits']> {
  const ether = parseEther('0.0005')
  const pay = async (
    asset: 'eth' | 'usdc' | 'axgt',
    amount: bigint,
    from?: Signer,
  ): Promise<Paid & { raw: `0x${string}` }> => {
    const signer = from ?? (await newSigner(chain, [usdc]))
    const { hash, raw } =
      asset === 'eth'
        ? await signer.payEther(amount)
        : await signer.payToken(asset === 'usdc' ? usdc : axgt, amount)
    await chain.mineWith(chain.resend(raw))
    const payer = signer.address
    return { id: `${chain.chainId}-${hash}-${asset}-${payer}`, hash, payer, raw }
  }
  const settle = async (gate: GateScene, ...paid: Paid[]): Promise<void> => {
    for (const { hash } of paid) await gate.submit(hash)
    await chain.mine(5)
    gate.skip(61_000)
    await gate.pass()
  }

  // The first is dropped by a reorg for good, the second comes back and is credited again.
  const [one, other] = [await newSigner(chain), await newSigner(chain)]
  const lost = [await pay('eth', ether, one), await pay('eth', ether, other)] as const
  await settle(fixed, ...lost)
  const { blockNumber } = await chain.receipt(lost[0].hash)
  await chain.reorg(Number((await chain.head()).number - blockNumber) + 1)
  await chain.mine(2)
  await fixed.pass()
  await chain.mineWith(chain.resend(lost[1].raw))
  await settle(fixed)
  await fixed.pass()

  const holder = await newSigner(chain, [axgt])
  const [small, twice] = [await newSigner(chain, [usdc]), await newSigner(chain, [usdc])]
  const paid = {
    tiered: await pay('eth', parseEther('0.01'), holder),
    usdc: await pay('usdc', 50_000_000n),
    axgt: await pay('axgt', parseUnits('100', 18), await newSigner(chain, [axgt])),
    small: await pay('usdc', 300_000n, small),
    together: await pay('usdc', 600_000n, twice),
  }
  await settle(fixed, ...Object.values(paid), await pay('usdc', 700_000n, twice))
  const priced = await pay('eth', ether)
  await settle(market, priced)

  const setPrice = (usd: string) =>
    chain.mineWith(chain.call({ contract: feed, functionName: 'setAnswer', args: [parseUnits(usd, 8)] }))
  await setPrice('0')
  const released = await pay('eth', ether)
  await settle(market, released)
  const { number: atBlock } = await setPrice('2500')
  await chain.mine(5)
  const order = { atBlock, releasedBy: 'operator', note: 'a test', acceptDeviation: false, dryRun: false }
  const outcome = await releaseDeposit(market.deps, { depositId: released.id, ...order })
  if (outcome.kind !== 'released') throw new Error(`a release was ${JSON.stringify(outcome)}`)

  const pending = await pay('usdc', 2_000_000n)
  await market.submit(pending.hash)
  await market.submit(`0x${'5'.repeat(64)}`)
  await market.pass()
  return { ...paid, reversed: lost[0], again: lost[1], priced, released, pending }
}

/**
 * Alice's sessions: some that are over, one that runs. Her volume is billed before and after, another one is gone. Bob's money
 * is used up: one session is in grace, one was released in it. Carol is idle. Two hours are posted, the third is not.
 */
async function useEverything({ sql }: TestDatabase, deposits: FullBooks['deposits']): Promise<void> {
  const [alice, bob, carol] = [deposits.tiered.payer, deposits.usdc.payer, deposits.axgt.payer]
  const startsAt = new Date(Math.floor(Date.now() / HOUR_MS - 4) * HOUR_MS)
  const clock = await createMeterClock(sql, startsAt.toISOString())
  const start = (id: string, account: Address, gpus: number) =>
    startSession(sql, limits, { id, account, profile: `gpu-${gpus}`, gpus })
  const run = async (minutes: number, ...ids: string[]): Promise<void> => {
    for (let left = minutes; left > 0; left -= 1) {
      await clock.pass(60)
      if (ids.length > 0) await meterSessions(sql, limits, ids, 'beat')
    }
    await accrueStorage(sql, rate)
  }
  await adjust(sql, {
    wallet: bob,
    micros: -179_400_000_000n,
    reason: 'to leave ten minutes',
    idempotencyKey: 'down',
  })
  await adjust(sql, { wallet: alice, micros: 60_000_000_000n, reason: 'a gift', idempotencyKey: 'up' })
  await putVolume(sql, rate, { id: 'kept', account: alice, sizeBytes: 100n * GIB })
  await putVolume(sql, rate, { id: 'gone', account: alice, sizeBytes: 10n * GIB })
  await run(30)
  await start('done', alice, 1)
  await start('live', alice, 2)
  await run(50, 'done', 'live')
  await start('graced', bob, 1)
  await start('broke', bob, 2)
  await run(6, 'done', 'live', 'graced', 'broke')
  await meterSessions(sql, limits, ['broke', 'done', 'live'], 'release')
  await run(30, 'graced')
  await deleteVolume(sql, rate, 'gone')
  await start('live-2', alice, 2)
  await start('last', carol, 1)
  await meterSessions(sql, limits, ['last'], 'release')
  await run(20, 'graced', 'live-2')
  await postUsage(sql)
  await meterSessions(sql, limits, ['live-2'], 'release')
  await run(10, 'graced')
  await start('live-3', alice, 2)
  await run(5, 'graced', 'live-3')
  await registerEndpoint(sql, 'receiver')
  await sql`select credits.publish_events('receiver', 10000)`
  // The clock is the machine's again; the hours in between were a downtime.
  await sql.unsafe(`
    create or replace function credits.wall_clock() returns timestamptz language sql volatile as $$ SELECT clock_timestamp() $$;
    select credits.tick(null, 0)`)
}
