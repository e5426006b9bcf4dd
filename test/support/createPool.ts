import { createRequire } from 'node:module'
import { type Address, type Hash, parseUnits } from 'viem'
import type { ContractArtifact } from '../../demo/compileContracts.ts'
import type { BlockRef, TestChain, TestContract, TestToken } from './createChain.ts'

export interface TestPool extends TestContract {
  axgt: TestToken
  weth: TestToken
  axgtIsToken0: boolean
  /** Liquidity over the whole range at the price there is, on top of what is there: so many base units of WETH of it. */
  addLiquidity(wethBaseUnits: bigint): Promise<Hash>
  /** Trades until an AXGT costs `factor` times what it does now: 10n, or { numerator: 1n, denominator: 10n }. */
  pushSpot(factor: bigint | { numerator: bigint; denominator: bigint }): Promise<Hash>
  /** Trades until an AXGT costs that many WETH, a decimal string. */
  swapToPrice(wethPerAxgt: string): Promise<Hash>
  /** Makes room for that many observations. The pool takes it into use when it next writes one. */
  increaseCardinality(observations: number): Promise<Hash>
  /** Mines one block, that many seconds after the one before. What waits in the mempool is in it. */
  passTime(seconds: number): Promise<BlockRef>
}

export interface PoolOptions {
  /** Default: a new token of 18 decimals. */
  axgt?: TestToken
  /** Default 18. */
  wethDecimals?: number
  /** Default true. Uniswap orders a pool's tokens by their addresses; WETH is deployed until they are as wanted. */
  axgtIsToken0?: boolean
  /** A decimal string; default 0.000005, which is 0.01 USD where an ETH costs 2000. */
  wethPerAxgt?: string
  /** How many whole WETH lie in the pool, over the whole range. Default 100. */
  liquidityWeth?: bigint
  /** How many observations the pool keeps. Default 1, as Uniswap makes it. */
  cardinality?: number
}

const FEE = 3_000
/** The outermost ticks that the tick spacing of that fee allows. */
const FULL_RANGE = [-887_220, 887_220] as const

/** Enough for any trade, and far from what an int256 of the pool holds. */
const TRADERS_WEALTH = 10n ** 45n

/** Storing one observation, and some for the rest. */
const GAS_PER_OBSERVATION = 23_000n
const GAS_BESIDE = 100_000n

/**
 * Deploys a real Uniswap v3 pool of AXGT and WETH by the factory of the published package, gives it a price and
 * liquidity, and the verbs to trade on it. Mines what it needs. Trades wait in the mempool, like all of the chain's
 * verbs; they start from the newest block's price, so mine one before the next. The first observation is that of the
 * block in which the pool got its price.
 */
export async function createPool(chain: TestChain, options: PoolOptions = {}): Promise<TestPool> {
  const { wethDecimals = 18, axgtIsToken0 = true, wethPerAxgt = '0.000005' } = options
  const { liquidityWeth = 100n, cardinality = 1 } = options
  const axgt = options.axgt ?? (await chain.deployToken('AXGT', 18))
  const weth = await deployInOrder(chain, axgt, { wethDecimals, axgtIsToken0 })
  const factory = await chain.deployArtifact(artifact('UniswapV3Factory'))
  const pair = [axgt.address, weth.address, FEE] as const
  const { deployer } = chain.accounts
  await chain.mineWith(
    chain.call({ from: deployer, contract: factory, functionName: 'createPool', args: pair }),
  )
  const address = (await chain.read({ contract: factory, functionName: 'getPool', args: pair })) as Address
  const pool: TestContract = {
    address: address.toLowerCase() as Address,
    abi: artifact('UniswapV3Pool').abi,
  }
  const trader = await chain.deploy('PoolTrader', [pool.address])

  /** Of the square root of the price that Uniswap means: base units of token1 for a base unit of token0. */
  const sqrtPriceOf = ({ numerator, denominator }: { numerator: bigint; denominator: bigint }) => {
    const [over, under] = axgtIsToken0 ? [numerator, denominator] : [denominator, numerator]
    return squareRoot((over << 192n) / under)
  }
  const baseUnitPrice = (price: string) => ({
    numerator: parseUnits(price, 36) * 10n ** BigInt(weth.decimals),
    denominator: 10n ** BigInt(36 + axgt.decimals),
  })
  const readSqrtPrice = async () => {
    const [sqrtPriceX96] = (await chain.read({ contract: pool, functionName: 'slot0' })) as [bigint]
    return sqrtPriceX96
  }
  const trade = (functionName: string, args: readonly unknown[]) =>
    chain.call({ contract: trader, functionName, args })

  const verbs: Omit<TestPool, keyof TestContract | 'axgt' | 'weth' | 'axgtIsToken0'> = {
    async addLiquidity(wethBaseUnits) {
      const sqrtPrice = await readSqrtPrice()
      // Of token1 it holds liquidity × √price, of token0 liquidity ÷ √price.
      const liquidity = axgtIsToken0 ? (wethBaseUnits << 96n) / sqrtPrice : (wethBaseUnits * sqrtPrice) >> 96n
      return trade('addLiquidity', [...FULL_RANGE, liquidity])
    },
    async pushSpot(factor) {
      const { numerator, denominator } =
        typeof factor === 'bigint' ? { numerator: factor, denominator: 1n } : factor
      const [over, under] = axgtIsToken0 ? [numerator, denominator] : [denominator, numerator]
      return trade('swapTo', [squareRoot(((await readSqrtPrice()) ** 2n * over) / under)])
    },
    swapToPrice: (price) => trade('swapTo', [sqrtPriceOf(baseUnitPrice(price))]),
    increaseCardinality: (observations) =>
      chain.call({
        contract: pool,
        functionName: 'increaseObservationCardinalityNext',
        args: [observations],
        gas: GAS_BESIDE + GAS_PER_OBSERVATION * BigInt(observations),
      }),
    async passTime(seconds) {
      await chain.client.setNextBlockTimestamp({ timestamp: (await chain.timestamp()) + BigInt(seconds) })
      return chain.mine()
    },
  }

  const initialize = { contract: pool, functionName: 'initialize' }
  await chain.mineWith(
    chain.call({ ...initialize, args: [sqrtPriceOf(baseUnitPrice(wethPerAxgt))] }),
    ...[axgt, weth].map((token) => chain.mintToken(token, trader.address, TRADERS_WEALTH)),
    ...(cardinality > 1 ? [verbs.increaseCardinality(cardinality)] : []),
  )
  // The pool writes nothing twice in a second, and only takes its new memory into use when it writes.
  await chain.client.setNextBlockTimestamp({ timestamp: (await chain.timestamp()) + 1n })
  await chain.mineWith(verbs.addLiquidity(liquidityWeth * 10n ** BigInt(weth.decimals)))
  return { ...pool, axgt, weth, axgtIsToken0, ...verbs }
}

/** Every deployment has another address, so a few of them suffice, unless AXGT lies at an end of all addresses. */
async function deployInOrder(
  chain: TestChain,
  axgt: TestToken,
  { wethDecimals, axgtIsToken0 }: { wethDecimals: number; axgtIsToken0: boolean },
): Promise<TestToken> {
  for (let tries = 0; tries < 1_000; tries++) {
    const weth = await chain.deployToken('WETH', wethDecimals)
    if (axgt.address < weth.address === axgtIsToken0) return weth
  }
  throw new Error('no deployment of WETH came to lie on that side of AXGT')
}

function artifact(name: 'UniswapV3Factory' | 'UniswapV3Pool'): ContractArtifact {
  const require = createRequire(import.meta.url)
  return require(`@uniswap/v3-core/artifacts/contracts/${name}.sol/${name}.json`) as ContractArtifact
}

/** The greatest integer whose square is not above it (Newton's method). */
function squareRoot(square: bigint): bigint {
  if (square < 2n) return square
  let root = 1n << BigInt((square.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + square / root) >> 1n
    if (next >= root) return root
    root = next
  }
}
