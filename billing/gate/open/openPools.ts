import type { Address } from 'viem'
import type { PoolSource } from '../../chain/contracts/readOracle.ts'
import { readPool, readToken } from '../../chain/contracts/readToken.ts'
import type { RpcEndpoint } from '../../chain/rpc/rpcEndpoint.ts'
import type { ChainConfig, Config } from '../../config/config.ts'
import type { Sql } from '../../database/connect.ts'

/** `wrong`: a setting must be changed. `unavailable`: a pool could not be read, which may pass. */
export type OpenPoolsResult =
  | { kind: 'open'; pools: Map<number, PoolSource> }
  | { kind: 'wrong'; detail: string }
  | { kind: 'unavailable'; detail: string }

/**
 * Reads the tokens of every AXGT pool that is a price source, and refuses a pool that does not trade AXGT for WETH: its
 * price would be multiplied by ETH/USD all the same. What was read once is kept in the database, so that a restart during
 * an outage needs no RPC; neither a pool's tokens nor their decimals ever change.
 */
export async function openPools(
  sql: Sql,
  config: Config,
  endpoints: ReadonlyMap<number, RpcEndpoint[]>,
  axgtDecimals: ReadonlyMap<number, number>,
): Promise<OpenPoolsResult> {
  const pools = new Map<number, PoolSource>()
  if (config.pricing.axgt.mode === 'fixed') return { kind: 'open', pools }
  for (const chain of config.chains) {
    const isPriced = config.rails.some(({ asset, chainId }) => asset === 'axgt' && chainId === chain.chainId)
    if (!isPriced || chain.axgtPool === null || chain.axgtToken === null) continue
    const opened = await openPool(sql, config, chain, chain.axgtPool, endpoints.get(chain.chainId) ?? [])
    if (opened.kind !== 'open') return opened
    const decimals = axgtDecimals.get(chain.chainId)
    if (decimals === undefined) throw new Error(`the AXGT of chain ${chain.chainId} was not read`)
    pools.set(chain.chainId, {
      address: chain.axgtPool,
      axgtIsToken0: opened.axgtIsToken0,
      axgtDecimals: decimals,
      wethDecimals: opened.wethDecimals,
    })
  }
  return { kind: 'open', pools }
}

type OpenPoolResult =
  | { kind: 'open'; axgtIsToken0: boolean; wethDecimals: number }
  | Exclude<OpenPoolsResult, { kind: 'open' }>

async function openPool(
  sql: Sql,
  config: Config,
  { chainId, axgtToken, weth }: ChainConfig,
  address: Address,
  endpoints: RpcEndpoint[],
): Promise<OpenPoolResult> {
  const variable = `AXGT_POOL_${chainId}`
  const tokens = await tokensOf(sql, chainId, address, endpoints)
  if (tokens.kind === 'unavailable') return { ...tokens, detail: `${variable}: ${tokens.detail}` }
  if (tokens.kind === 'none')
    return wrong(`${variable} is ${address}, which is no Uniswap v3 pool on the chain`)
  const { token0, token1 } = tokens
  if (token0 !== axgtToken && token1 !== axgtToken) {
    return wrong(`${variable} (${address}) trades ${token0} and ${token1}, and not AXGT, ${axgtToken}`)
  }
  const axgtIsToken0 = token0 === axgtToken
  const other = axgtIsToken0 ? token1 : token0
  const known = config.rails.find((rail) => rail.chainId === chainId && rail.token === other)
  if (known !== undefined)
    return wrong(`${variable} (${address}) trades AXGT for ${known.asset}, and not for WETH`)
  if (weth !== null && other !== weth) {
    return wrong(
      `${variable} (${address}) trades AXGT for ${other}, and not for WETH_ADDRESS_${chainId}, ${weth}`,
    )
  }
  const decimals = await decimalsOf(sql, chainId, other, endpoints)
  if (decimals.kind === 'unavailable') return { ...decimals, detail: `${variable}: ${decimals.detail}` }
  if (decimals.kind === 'none') return wrong(`${variable} (${address}) trades ${other}, which is no token`)
  return { kind: 'open', axgtIsToken0, wethDecimals: decimals.decimals }
}

function wrong(detail: string): { kind: 'wrong'; detail: string } {
  return { kind: 'wrong', detail }
}

interface Unavailable {
  kind: 'unavailable'
  detail: string
}

async function tokensOf(
  sql: Sql,
  chainId: number,
  address: Address,
  endpoints: RpcEndpoint[],
): Promise<{ kind: 'read'; token0: Address; token1: Address } | { kind: 'none' } | Unavailable> {
  const [stored] = await sql<{ token0: Address; token1: Address }[]>`
    select token0, token1 from credits.pool where chain_id = ${chainId} and address = ${address}`
  if (stored !== undefined) return { kind: 'read', ...stored }
  const read = await readPool(endpoints, chainId, address)
  if (read.kind !== 'agreed') return unavailable(read)
  if (read.value === null) return { kind: 'none' }
  const { token0, token1 } = read.value
  await sql`
    insert into credits.pool (chain_id, address, token0, token1)
    values (${chainId}, ${address}, ${token0}, ${token1}) on conflict do nothing`
  return { kind: 'read', token0, token1 }
}

async function decimalsOf(
  sql: Sql,
  chainId: number,
  address: Address,
  endpoints: RpcEndpoint[],
): Promise<{ kind: 'read'; decimals: number } | { kind: 'none' } | Unavailable> {
  const [stored] = await sql<{ decimals: number }[]>`
    select decimals from credits.token where chain_id = ${chainId} and address = ${address}`
  if (stored !== undefined) return { kind: 'read', decimals: stored.decimals }
  const read = await readToken(endpoints, chainId, address)
  if (read.kind !== 'agreed') return unavailable(read)
  if (read.value === null) return { kind: 'none' }
  const { symbol, decimals } = read.value
  await sql`
    insert into credits.token (chain_id, address, symbol, decimals)
    values (${chainId}, ${address}, ${symbol}, ${decimals}) on conflict do nothing`
  return { kind: 'read', decimals }
}

function unavailable(read: { kind: string; detail?: string }): Unavailable {
  return { kind: 'unavailable', detail: read.detail ?? `the RPCs are ${read.kind}` }
}
