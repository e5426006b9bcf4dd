import {
  type Abi,
  type Address,
  createTestClient,
  defineChain,
  encodeDeployData,
  encodeFunctionData,
  type Hash,
  type Hex,
  http,
  parseEther,
  parseUnits,
  publicActions,
  walletActions,
} from 'viem'
import { type ContractArtifact, compileContracts } from './compileContracts.ts'
import { rejectOnAbort } from './rejectOnAbort.ts'
import { type Anvil, startAnvil } from './startAnvil.ts'
import { takeTurns } from './takeTurns.ts'

export interface DemoToken {
  address: Address
  abi: Abi
  decimals: number
}

export interface DemoChain extends Anvil {
  usdc: DemoToken
  axgt: DemoToken
  priceFeed: Address
  /** The visitor is whoever opens the demo's page: its key is in the wallet there. */
  people: { buyer: Address; holder: Address; visitor: Address; revenue: Address }
  payEth(from: Address, value: bigint): Promise<Hash>
  payToken(token: DemoToken, from: Address, amount: bigint): Promise<Hash>
  /** Resolves when the transaction is in a block. */
  mined(hash: Hash): Promise<void>
  /** Mints tokens; resolves when they are in a block. */
  give(token: DemoToken, to: Address, amount: bigint): Promise<void>
}

/**
 * Starts a local chain with a block each second and deploys on it what AxonOS finds on a real one: a USDC-like token, an
 * AXGT-like token and an ETH/USD price feed. One account holds 100 000 AXGT, the visitor enough for a discount.
 */
export async function startDemoChain(interrupted: AbortSignal): Promise<DemoChain> {
  const contracts = compileContracts(['demo/contracts/Token.sol', 'demo/contracts/PriceFeed.sol'])
  const anvil = await startAnvil({ blockTimeSeconds: 1 })
  try {
    return await Promise.race([furnish(anvil, contracts), rejectOnAbort(interrupted)])
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

async function furnish(anvil: Anvil, contracts: Record<string, ContractArtifact>): Promise<DemoChain> {
  const client = createTestClient({
    mode: 'anvil',
    transport: http(anvil.rpcUrl),
    cacheTime: 0,
    pollingInterval: 100,
    chain: defineChain({
      id: anvil.chainId,
      name: 'demo',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [anvil.rpcUrl] } },
    }),
  })
    .extend(publicActions)
    .extend(walletActions)
  const [deployer, buyer, holder, visitor, , , , , , revenue] = (await client.getAddresses()).map(lower)
  if (!deployer || !buyer || !holder || !visitor || !revenue)
    throw new Error('the local chain has too few accounts')

  const send = takeTurns((from: Address, call: { to?: Address; data?: Hex; value?: bigint }) =>
    client.sendTransaction({ account: from, ...call }),
  )

  async function deploy(name: string, args: unknown[]): Promise<{ address: Address; abi: Abi }> {
    const contract = contracts[name]
    if (contract === undefined) throw new Error(`there is no contract ${name}`)
    const hash = await send(deployer as Address, { data: encodeDeployData({ ...contract, args }) })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash, timeout: 15_000 })
    if (!contractAddress) throw new Error(`${name} could not be deployed`)
    return { address: lower(contractAddress), abi: contract.abi }
  }
  const mined = async (hash: Hash) => {
    await client.waitForTransactionReceipt({ hash, timeout: 15_000 })
  }
  const callToken = (token: DemoToken, from: Address, functionName: string, args: unknown[]) =>
    send(from, { to: token.address, data: encodeFunctionData({ abi: token.abi, functionName, args }) })

  const [usdc, axgt, feed] = await Promise.all([
    deploy('Token', ['USD Coin', 'USDC', 6]),
    deploy('Token', ['AxonOS', 'AXGT', 18]),
    deploy('PriceFeed', ['ETH / USD', 8, parseUnits('2000', 8)]),
  ])
  const chain: DemoChain = {
    ...anvil,
    usdc: { ...usdc, decimals: 6 },
    axgt: { ...axgt, decimals: 18 },
    priceFeed: feed.address,
    people: { buyer, holder, visitor, revenue },
    payEth: (from, value) => send(from, { to: revenue, value }),
    payToken: (token, from, amount) => callToken(token, from, 'transfer', [revenue, amount]),
    mined,
    async give(token, to, amount) {
      await mined(await callToken(token, deployer, 'mint', [to, amount]))
    },
  }
  await Promise.all([
    chain.give(chain.axgt, holder, parseUnits('100000', 18)),
    chain.give(chain.usdc, buyer, parseUnits('1', 6)),
    chain.give(chain.axgt, visitor, parseUnits('1500', 18)),
    chain.give(chain.usdc, visitor, parseUnits('250', 6)),
    client.setBalance({ address: visitor, value: parseEther('1') }),
  ])
  return chain
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address
}
