import type { Address } from 'viem'
import { readToken, type TokenMetadata } from '../../chain/contracts/readToken.ts'
import type { RpcEndpoint } from '../../chain/rpc/rpcEndpoint.ts'
import { readChainId } from '../../chain/rpc/wire.ts'
import type { Config, Rail } from '../../config/config.ts'
import type { Sql } from '../../database/connect.ts'
import type { GateRail } from '../gateDeps.ts'

/** The enabled rails with their tokens' decimals, and the decimals of the AXGT that decides tiers, by chain. */
export interface OpenRails {
  rails: Map<Rail, GateRail & { symbol: string }>
  axgtDecimals: Map<number, number>
}

/** `wrong`: a setting must be changed. `unavailable`: a token could not be read, which may pass. */
export type OpenRailsResult =
  | { kind: 'open'; open: OpenRails }
  | { kind: 'wrong'; detail: string }
  | { kind: 'unavailable'; detail: string }

/** How long to wait for a token that is already known: a silent RPC must not keep balances from being served. */
const KNOWN_TOKEN_TIMEOUT_MS = 2_000

/**
 * Reads symbol and decimals of every token from its chain. What was read once is kept in the database and used while the
 * RPCs are down, so that a restart during an outage still serves balances. A token whose decimals have changed is refused,
 * since every amount of it would change its meaning.
 */
export async function openRails(
  sql: Sql,
  config: Config,
  endpoints: ReadonlyMap<number, RpcEndpoint[]>,
): Promise<OpenRailsResult> {
  const metadata = new Map<string, TokenMetadata>()
  for (const { chainId, address, variable } of tokensOf(config)) {
    const stored = await readStored(sql, chainId, address)
    const asked = readToken(endpoints.get(chainId) ?? [], chainId, address)
    const read = stored === null ? await asked : await Promise.race([asked, silence(KNOWN_TOKEN_TIMEOUT_MS)])
    if (read.kind === 'agreed') {
      if (read.value === null) {
        return {
          kind: 'wrong',
          detail: `${variable} is ${address}, which is no ERC-20 token on chain ${chainId}`,
        }
      }
      if (stored !== null && stored.decimals !== read.value.decimals) {
        return {
          kind: 'wrong',
          detail: `${variable} (${address}) had ${stored.decimals} decimals and now says ${read.value.decimals}`,
        }
      }
      await store(sql, chainId, address, read.value)
      metadata.set(`${chainId} ${address}`, read.value)
    } else if (stored !== null) {
      metadata.set(`${chainId} ${address}`, stored)
    } else {
      return { kind: 'unavailable', detail: `${variable} (${address}) cannot be read yet: ${whyNot(read)}` }
    }
  }
  return { kind: 'open', open: assemble(config, metadata) }
}

function silence(milliseconds: number): Promise<{ kind: 'unavailable'; detail: string }> {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ kind: 'unavailable', detail: 'no answer yet' }), milliseconds).unref()
  })
}

function whyNot(read: { kind: string; detail?: string }): string {
  return read.detail ?? `the RPCs are ${read.kind}`
}

function tokensOf(config: Config): { chainId: number; address: Address; variable: string }[] {
  const tokens = new Map<string, { chainId: number; address: Address; variable: string }>()
  for (const { asset, chainId, token } of config.rails) {
    if (token === null) continue
    const variable = `${asset.toUpperCase()}_ADDRESS_${chainId}`
    tokens.set(`${chainId} ${token}`, { chainId, address: token, variable })
  }
  for (const { chainId, axgtToken } of config.chains) {
    if (axgtToken === null) continue
    const variable = `AXGT_ADDRESS_${chainId}`
    tokens.set(`${chainId} ${axgtToken}`, { chainId, address: axgtToken, variable })
  }
  return [...tokens.values()]
}

async function readStored(sql: Sql, chainId: number, address: Address): Promise<TokenMetadata | null> {
  const [row] = await sql<TokenMetadata[]>`
    select symbol, decimals from credits.token where chain_id = ${chainId} and address = ${address}`
  return row ?? null
}

async function store(sql: Sql, chainId: number, address: Address, token: TokenMetadata): Promise<void> {
  await sql`
    insert into credits.token (chain_id, address, symbol, decimals)
    values (${chainId}, ${address}, ${token.symbol}, ${token.decimals})
    on conflict (chain_id, address) do update set symbol = excluded.symbol`
}

const ETHER: TokenMetadata = { symbol: 'ETH', decimals: 18 }

function assemble(config: Config, metadata: Map<string, TokenMetadata>): OpenRails {
  const metadataOf = (chainId: number, token: Address): TokenMetadata => {
    const found = metadata.get(`${chainId} ${token}`)
    if (found === undefined) throw new Error(`token ${token} of chain ${chainId} was not read`)
    return found
  }
  const rails = config.rails.map((rail) => {
    const { symbol, decimals } = rail.token === null ? ETHER : metadataOf(rail.chainId, rail.token)
    return [rail.rail, { config: rail, symbol, decimals }] as const
  })
  const axgtDecimals = config.chains.flatMap(({ chainId, axgtToken }) =>
    axgtToken === null ? [] : [[chainId, metadataOf(chainId, axgtToken).decimals] as const],
  )
  return { rails: new Map(rails), axgtDecimals: new Map(axgtDecimals) }
}

/**
 * Finds an RPC that is configured for the wrong chain, before anything is recorded for that chain: one sentence that names
 * it, or null. Once the service has worked on a chain, a wrong answer is the provider's fault and not a wrong setting: the
 * gate then raises an alarm and credits nothing from it, but a restart is not refused.
 */
export async function checkChainIds(
  sql: Sql,
  endpoints: ReadonlyMap<number, RpcEndpoint[]>,
): Promise<string | null> {
  const known = await sql<{ chainId: bigint }[]>`select chain_id as "chainId" from credits.chain_status`
  const worked = new Set(known.map(({ chainId }) => Number(chainId)))
  for (const [chainId, ofChain] of endpoints) {
    if (worked.has(chainId)) continue
    for (const endpoint of ofChain) {
      const answered = await readChainId(endpoint).catch(() => null)
      if (answered !== null && answered !== chainId) {
        return `RPC_URL_${chainId}: ${endpoint.label} answers for chain ${answered}, not ${chainId}`
      }
    }
  }
  return null
}
