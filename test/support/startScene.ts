import { type Address, type Hash, parseEther, parseUnits } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { verifyBooks } from '../../billing/verify/verifyBooks.ts'
import { baseSettings } from './baseSettings.ts'
import { createChain, type TestChain, type TestToken } from './createChain.ts'
import { createRpcProxy, type RpcProxy } from './createRpcProxy.ts'
import { createTestDatabase, type TestDatabase } from './createTestDatabase.ts'
import { type Service, startService } from './startService.ts'
import { waitUntil } from './waitUntil.ts'

/** A deposit as the database holds it. */
export interface DepositFacts {
  id: string
  state: string
  reason: string | null
  amount: string
  micros: string | null
  attempt: number
}

/** All that an account and a transaction left behind, for exact comparison. */
export interface Books {
  deposits: { rail: string; state: string; reason: string | null; amount: string; micros: string | null }[]
  entries: { kind: string; micros: string; reference: string }[]
  /** Kinds of outbox events in the order they were written. */
  events: string[]
  balanceMicros: string
}

export interface Scene {
  chain: TestChain
  usdc: TestToken
  axgt: TestToken
  /** One before the chain for each RPC URL of the service, in order. */
  proxies: RpcProxy[]
  database: TestDatabase
  service: Service
  /** A fresh account with 10 ETH, 1000 USDC and as many AXGT as told. */
  newPayer(options?: { axgt?: string }): Promise<Address>
  /** The only deposit of a transaction, once it is in that state (and for that reason). */
  deposit(txHash: Hash, state: string, reason?: string): Promise<DepositFacts>
  /**
   * The same for `credited`, while blocks go on coming as on a live chain: an indexer that failed on a head (Ponder 0.16)
   * looks at none but the next one.
   */
  creditedAsBlocksCome(txHash: Hash): Promise<DepositFacts>
  /** Waits until the gate has passed with the chain's present head. */
  gateAtHead(): Promise<void>
  booksOf(payer: Address): Promise<Books>
  /** What `verify` finds wrong. */
  differences(): Promise<string[]>
  stop(): Promise<void>
}

/** Generous: several services may share two cores. */
export const WITHIN_MS = 40_000

/** Part of every RPC URL, as providers have it: it may be printed nowhere. */
export const RPC_KEY = 'k3y-of-the-rpc-that-nobody-may-see'

/** A chain, proxies before it, a database and the whole real service that sees the chain through the proxies only. */
export async function startScene(options: {
  proxies: number
  overrides?: Record<string, string>
  prepare?: (proxies: RpcProxy[]) => void
  /** Other contracts in place of the ordinary USDC and AXGT. */
  deployTokens?: (chain: TestChain) => Promise<{ usdc: TestToken; axgt: TestToken }>
}): Promise<Scene> {
  const [chain, database] = await Promise.all([createChain(), createTestDatabase()])
  const { usdc, axgt } = await (options.deployTokens?.(chain) ?? chain.deployTokens())
  const proxies = await Promise.all(
    Array.from({ length: options.proxies }, () => createRpcProxy(chain.rpcUrl)),
  )
  options.prepare?.(proxies)
  const settings = await baseSettings({
    chains: [chain],
    databaseUrl: database.url,
    tokens: { [chain.chainId]: { usdc, axgt } },
    rpcUrls: { [chain.chainId]: proxies.map(({ url }) => `${url}/v2/${RPC_KEY}`).join(',') },
    ...(options.overrides ? { overrides: options.overrides } : {}),
  })
  const stopChain = async () => {
    for (const proxy of proxies) await proxy.stop()
    await database.drop()
    await chain.stop()
  }
  const service = await startService(settings).catch(async (error: unknown) => {
    await stopChain()
    throw error
  })
  const parts = { chain, usdc, axgt, proxies, database, service }
  return {
    ...parts,
    newPayer: ({ axgt: held = '0' } = {}) => newPayer(parts, held),
    deposit: (txHash, state, reason) => depositOf(parts, txHash, state, reason),
    async creditedAsBlocksCome(txHash) {
      const isCredited = async () => {
        const [row] = await database.sql`
          select 1 from credits.deposit where tx_hash = ${txHash} and state = 'credited'`
        if (row === undefined) await chain.mine()
        return row !== undefined
      }
      // What it is instead is told by the exact wait that follows.
      await waitUntil(isCredited, { withinMs: WITHIN_MS, what: 'a credit', everyMs: 500 }).catch(() => {})
      return depositOf(parts, txHash, 'credited')
    },
    gateAtHead: () => gateAtHead(parts),
    booksOf: (payer) => booksOf(parts, payer),
    async differences() {
      const found: string[] = []
      await verifyBooks(database.sql, (step) => {
        if (step.kind === 'difference') found.push(JSON.stringify(step))
      })
      return found
    },
    async stop() {
      try {
        await service.stop()
      } finally {
        await stopChain()
      }
    },
  }
}

type Parts = Pick<Scene, 'chain' | 'usdc' | 'axgt' | 'proxies' | 'database' | 'service'>

async function newPayer({ chain, usdc, axgt }: Parts, held: string): Promise<Address> {
  const address = privateKeyToAddress(generatePrivateKey()).toLowerCase() as Address
  await chain.client.setBalance({ address, value: parseEther('10') })
  await chain.client.impersonateAccount({ address })
  await chain.mineWith(
    chain.mintToken(usdc, address, parseUnits('1000', 6)),
    chain.mintToken(axgt, address, parseUnits(held, 18)),
  )
  return address
}

async function depositOf(
  { database, service }: Parts,
  txHash: Hash,
  state: string,
  reason?: string,
): Promise<DepositFacts> {
  const look = async () =>
    database.sql<DepositFacts[]>`
      select id, state, reason, amount_base_units::text as amount, credit_micros::text as micros, attempt
      from credits.deposit where tx_hash = ${txHash}`
  return waitUntil(
    async () => {
      const found = await look()
      const [only] = found
      if (found.length === 1 && only?.state === state && (reason === undefined || only.reason === reason)) {
        return only
      }
      throw new Error(JSON.stringify(found))
    },
    { withinMs: WITHIN_MS, what: `${txHash} to be ${state} ${reason ?? ''}` },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${service.logs().slice(-4_000)}`)
  })
}

async function gateAtHead({ chain, database }: Parts): Promise<void> {
  const { number } = await chain.head()
  await waitUntil(
    async () => {
      const [row] = await database.sql<{ head: bigint }[]>`
        select head_number as head from credits.chain_status where chain_id = ${chain.chainId}`
      return row !== undefined && row.head >= number
    },
    { withinMs: WITHIN_MS, what: `the gate to pass with head ${number}` },
  )
}

async function booksOf({ database: { sql }, service }: Parts, payer: Address): Promise<Books> {
  const [deposits, entries, events, balance] = await Promise.all([
    sql<Books['deposits']>`
      select rail, state, reason, amount_base_units::text as amount, credit_micros::text as micros
      from credits.deposit where payer = ${payer} order by block_number, id`,
    sql<Books['entries']>`
      select kind, micros::text as micros, reference from credits.ledger_entry where account = ${payer} order by id`,
    sql<{ kind: string }[]>`select kind from credits.outbox_event where account = ${payer} order by id`,
    service.request(`/v1/accounts/${payer}/balance`, { key: service.serviceKey }),
  ])
  return {
    deposits: deposits.map((row) => ({ ...row })),
    entries: entries.map((row) => ({ ...row })),
    events: events.map(({ kind }) => kind),
    balanceMicros: (balance.body as { balanceMicros: string }).balanceMicros,
  }
}
