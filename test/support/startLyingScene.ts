import { expect } from 'vitest'
import { createChain, type TestChain, type TestToken } from './createChain.ts'
import { createRpcProxy, type RpcProxy } from './createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from './createTestDatabase.ts'
import type { Lie, LiedPayment } from './lies.ts'
import { type GateScene, startGateScene } from './startGateScene.ts'

/** The gate alone, behind RPCs that can lie, on a chain with USDC. */
export interface LyingScene {
  chain: TestChain
  usdc: TestToken
  axgt: TestToken
  database: TestDatabase
  proxies: RpcProxy[]
  gate: GateScene
  /** The gate again, on the same chain and database, with other settings. */
  restart(overrides: Record<string, string>): Promise<GateScene>
  /** Expects the books to be in order and takes everything down. */
  end(): Promise<void>
}

export async function startLyingScene(rpcs: number): Promise<LyingScene> {
  const [chain, database] = await Promise.all([createChain({ slotsInAnEpoch: 50 }), createTestDatabase()])
  const { usdc, axgt } = await chain.deployTokens()
  await keepUpBlindly(database, chain)
  const proxies = await Promise.all(Array.from({ length: rpcs }, () => createRpcProxy(chain.rpcUrl)))
  const rpcUrls = proxies.map(({ url }) => url).join(',')
  const restart = (overrides: Record<string, string>) =>
    startGateScene({ chain, database, rpcUrls, tokens: { usdc, axgt }, overrides })
  const gate = await restart({})
  return {
    chain,
    usdc,
    axgt,
    database,
    proxies,
    gate,
    restart,
    async end() {
      const differences = await gate.differences()
      for (const proxy of proxies) await proxy.stop()
      await database.drop()
      await chain.stop()
      expect(differences).toEqual([])
    },
  }
}

/** An index that says that it has every block, and shows nothing: so the gate searches none by itself. */
async function keepUpBlindly({ sql }: TestDatabase, { chainId }: TestChain): Promise<void> {
  const checkpoint = '9'.repeat(75)
  await sql.unsafe(`
    create schema indexer;
    create table indexer._ponder_checkpoint (chain_id bigint, latest_checkpoint text);
    insert into indexer._ponder_checkpoint values (${chainId}, '${checkpoint}')`)
}

/** Has every RPC tell the lie about a payment. */
export function tellAll({ proxies }: LyingScene, { tell }: Lie, { hash }: LiedPayment): void {
  for (const proxy of proxies) tell(proxy, hash)
}

export async function healAll({ proxies }: LyingScene): Promise<void> {
  await Promise.all(proxies.map((proxy) => proxy.heal()))
}

/** Less than a minute by the gate's clock, in which it passes as it likes, and nobody helps. */
export async function passForAMinute(gate: GateScene): Promise<void> {
  for (let seconds = 0; seconds < 50; seconds += 10) {
    gate.skip(10_000)
    await gate.pass()
  }
}

/** What a payment and its payer's account are by now. */
export async function booksOf(gate: GateScene, { hash, payer }: LiedPayment) {
  const deposit = await gate.deposit(hash)
  const { references, balanceMicros } = await gate.ledger(payer)
  return { state: deposit?.state, reason: deposit?.reason, references, balanceMicros }
}

/** Credited once, in full, with no reason left. */
export function creditedOnce({ micros }: LiedPayment) {
  return { state: 'credited', reason: null, references: ['deposit 1'], balanceMicros: micros }
}
