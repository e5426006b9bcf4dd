import { randomBytes } from 'node:crypto'
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
  publicActions,
  toHex,
  walletActions,
} from 'viem'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'
import type { ContractArtifact } from '../../demo/compileContracts.ts'
import { type Anvil, type AnvilOptions, startAnvil } from '../../demo/startAnvil.ts'
import { takeTurns } from '../../demo/takeTurns.ts'

/** Who is who among anvil's ten funded accounts, by index. */
const roles = [
  'deployer',
  'buyer',
  'holder',
  'other',
  'attacker',
  'ownerA',
  'ownerB',
  'ownerC',
  'relayer',
  'revenue',
] as const
export type Role = (typeof roles)[number]

const MNEMONIC = 'test test test test test test test test test test test junk'
/** Enough for anything the tests call, and known beforehand: estimating would fail for what is meant to fail. */
const CALL_GAS = 16_000_000n
const TRANSFER_GAS = 100_000n

export interface TestContract {
  address: Address
  abi: Abi
}

export interface TestToken extends TestContract {
  symbol: string
  decimals: number
}

export interface BlockRef {
  number: bigint
  hash: Hash
}

export interface Call {
  from?: Address
  contract: TestContract
  functionName: string
  args?: readonly unknown[]
  value?: bigint
  gas?: bigint
}

interface Transaction {
  from: Address
  to?: Address
  data?: Hex
  value?: bigint
  gas: bigint
  nonce?: number
  maxFeePerGas?: bigint
  maxPriorityFeePerGas?: bigint
}

/**
 * Starts a local chain and gives the verbs of the domain to move money on it.
 *
 * @param options `contracts` replaces those that the run has compiled; outside vitest it is required.
 */
export async function createChain(
  options: AnvilOptions & { contracts?: Record<string, ContractArtifact> } = {},
): Promise<TestChain> {
  const anvil = await startAnvil(options)
  const client = createClient(anvil)
  // Imported only here, so that benchmarks can make a chain with contracts of their own outside vitest.
  const contracts = options.contracts ?? (await import('vitest')).inject('contracts')
  const addresses = (await client.getAddresses()).map(lower)
  const accounts = Object.fromEntries(roles.map((role, index) => [role, addresses[index]]))
  return new TestChain(anvil, client, contracts, accounts as Record<Role, Address>)
}

/**
 * A local chain. Nothing is mined by itself: verbs that pay return the hash of a transaction that waits in the mempool;
 * `mine` and `mineWith` put it into a block. `deploy…` mine. Addresses are lower-case, as everywhere here.
 */
export class TestChain {
  readonly chainId: number
  readonly rpcUrl: string
  readonly wsUrl: string
  readonly pid: number
  readonly stop: () => Promise<void>
  readonly client: ChainClient
  readonly accounts: Record<Role, Address>
  readonly #contracts: Record<string, ContractArtifact>

  constructor(
    anvil: Anvil,
    client: ChainClient,
    contracts: Record<string, ContractArtifact>,
    accounts: Record<Role, Address>,
  ) {
    this.chainId = anvil.chainId
    this.rpcUrl = anvil.rpcUrl
    this.wsUrl = anvil.wsUrl
    this.pid = anvil.pid
    this.stop = anvil.stop
    this.client = client
    this.#contracts = contracts
    this.accounts = accounts
  }

  /** The local key behind an account, for what anvil does not sign: Safe transactions, sign-in messages. */
  signer(role: Role): HDAccount {
    return mnemonicToAccount(MNEMONIC, { addressIndex: roles.indexOf(role) })
  }

  async head(): Promise<BlockRef> {
    const block = await this.client.getBlock({ includeTransactions: false })
    return { number: block.number, hash: block.hash }
  }

  async mine(blocks = 1): Promise<BlockRef> {
    await this.client.mine({ blocks })
    return this.head()
  }

  /** Awaits the sends, mines one block, and makes sure that all of them are in it (with whatever status). */
  async mineWith<Sends extends (Promise<Hash> | Hash)[]>(
    ...sends: Sends
  ): Promise<BlockRef & { hashes: { [Position in keyof Sends]: Hash } }> {
    const hashes = (await Promise.all(sends)) as { [Position in keyof Sends]: Hash }
    const block = await this.mine()
    const { transactions } = await this.client.getBlock({ blockHash: block.hash })
    const missing = hashes.filter((hash) => !transactions.includes(hash))
    if (missing.length > 0) throw new Error(`not in block ${block.number}: ${missing.join(', ')}`)
    return { ...block, hashes }
  }

  /** A top-level payment of ETH, to the revenue wallet unless told. */
  transferEth(payment: { from: Address; to?: Address; value: bigint }): Promise<Hash> {
    const { from, to = this.accounts.revenue, value } = payment
    return this.#send({ from, to, value, gas: TRANSFER_GAS })
  }

  /** A transaction that calls a contract, by the attacker unless told. */
  call({
    from = this.accounts.attacker,
    contract,
    functionName,
    args = [],
    value = 0n,
    gas = CALL_GAS,
  }: Call) {
    const data = encodeFunctionData({ abi: contract.abi, functionName, args })
    return this.#send({ from, to: contract.address, data, value, gas })
  }

  read({
    contract,
    functionName,
    args = [],
  }: Pick<Call, 'contract' | 'functionName' | 'args'>): Promise<unknown> {
    return this.client.readContract({ ...contract, functionName, args })
  }

  mintToken(token: TestToken, to: Address, amount: bigint): Promise<Hash> {
    return this.call({
      from: this.accounts.deployer,
      contract: token,
      functionName: 'mint',
      args: [to, amount],
    })
  }

  /** A transfer by the owner, to the revenue wallet unless told. */
  transferToken(payment: { token: TestToken; from: Address; to?: Address; amount: bigint }): Promise<Hash> {
    const { token: contract, from, to = this.accounts.revenue, amount } = payment
    return this.call({ from, contract, functionName: 'transfer', args: [to, amount], gas: TRANSFER_GAS })
  }

  /** Deploys a contract of demo/contracts or test/support/contracts and mines it. */
  async deploy(name: string, args: readonly unknown[] = [], value = 0n): Promise<TestContract> {
    const artifact = this.#contracts[name]
    if (artifact === undefined) throw new Error(`there is no contract ${name}`)
    return this.deployArtifact(artifact, args, value)
  }

  async deployArtifact(
    artifact: ContractArtifact,
    args: readonly unknown[] = [],
    value = 0n,
  ): Promise<TestContract> {
    const data = encodeDeployData({ abi: artifact.abi, bytecode: artifact.bytecode, args })
    const hash = await this.#send({ from: this.accounts.deployer, data, value, gas: CALL_GAS })
    await this.mineWith(hash)
    const receipt = await this.receipt(hash)
    if (receipt.status !== 'success' || !receipt.contractAddress) throw new Error('the deployment reverted')
    return { address: lower(receipt.contractAddress), abi: artifact.abi }
  }

  async deployToken(symbol: string, decimals: number): Promise<TestToken> {
    return { ...(await this.deploy('Token', [symbol, symbol, decimals])), symbol, decimals }
  }

  /** USDC-like and AXGT-like, with the decimals of the real ones. */
  async deployTokens(): Promise<{ usdc: TestToken; axgt: TestToken }> {
    return { usdc: await this.deployToken('USDC', 6), axgt: await this.deployToken('AXGT', 18) }
  }

  /**
   * Replaces the newest `depth` blocks by others of the same numbers, whose transactions are gone. `including` puts raw
   * transactions into the new blocks; `atBlock` 0 is the lowest of them.
   */
  async reorg(depth: number, including: { raw: Hex; atBlock: number }[] = []): Promise<BlockRef> {
    // Another miner makes other hashes, also for blocks that were empty before and after.
    await this.client.setCoinbase({ address: toHex(randomBytes(20)) })
    await this.#request('anvil_reorg', [depth, including.map(({ raw, atBlock }) => [raw, atBlock])])
    return this.head()
  }

  /** The signed bytes of a transaction; taken before a reorg they allow `resend` after it. */
  async rawTransaction(hash: Hash): Promise<Hex> {
    return (await this.#request('debug_getRawTransaction', [hash])) as Hex
  }

  resend(raw: Hex): Promise<Hash> {
    return this.client.sendRawTransaction({ serializedTransaction: raw })
  }

  /**
   * Sends another transaction with the nonce of this one (by default one that pays nobody anything). If this one is
   * mined already, its block and those above are reorganised away first. The replacement waits in the mempool.
   */
  async replace(hash: Hash, by: { to?: Address; value?: bigint } = {}): Promise<Hash> {
    const old = await this.client.getTransaction({ hash })
    if (old.blockNumber !== null) await this.reorg(Number((await this.head()).number - old.blockNumber) + 1)
    const fee = 2n * (old.maxFeePerGas ?? old.gasPrice ?? 0n)
    const from = lower(old.from)
    const { to = from, value = 0n } = by
    const fees = { maxFeePerGas: fee, maxPriorityFeePerGas: fee }
    return this.#send({ from, to, value, gas: TRANSFER_GAS, nonce: old.nonce, ...fees })
  }

  receipt(hash: Hash) {
    return this.client.getTransactionReceipt({ hash })
  }

  /** Seconds since 1970 of the newest block. */
  async timestamp(): Promise<bigint> {
    return (await this.client.getBlock({ includeTransactions: false })).timestamp
  }

  /** Makes the next block's time that much later. */
  async increaseTime(seconds: number): Promise<void> {
    await this.client.increaseTime({ seconds })
  }

  readonly #send = takeTurns(async ({ from, to, data, ...numbers }: Transaction): Promise<Hash> => {
    const quantities = Object.entries(numbers).map(([name, value]) => [name, toHex(value)])
    const call = { from, ...(to && { to }), ...(data && { data }), ...Object.fromEntries(quantities) }
    return (await this.#request('eth_sendTransaction', [call])) as Hash
  })

  /** For methods and parameters that viem's types do not know. */
  #request(method: string, params: unknown[]): Promise<unknown> {
    const request = this.client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>
    return request({ method, params })
  }
}

type ChainClient = ReturnType<typeof createClient>

function createClient(anvil: Anvil) {
  const chain = defineChain({
    id: anvil.chainId,
    name: `test ${anvil.chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [anvil.rpcUrl] } },
  })
  return createTestClient({
    mode: 'anvil',
    chain,
    transport: http(anvil.rpcUrl),
    cacheTime: 0,
    pollingInterval: 50,
  })
    .extend(publicActions)
    .extend(walletActions)
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address
}
