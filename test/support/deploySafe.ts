import { createRequire } from 'node:module'
import {
  type Abi,
  type Address,
  concatHex,
  encodeFunctionData,
  type Hash,
  type Hex,
  parseEventLogs,
  zeroAddress,
} from 'viem'
import type { ContractArtifact } from '../../demo/compileContracts.ts'
import type { Role, TestChain, TestContract, TestToken } from './createChain.ts'

export interface Safe extends TestContract {
  owners: Role[]
  threshold: number
  /** ETH from the Safe, to the revenue wallet unless told; signed by `threshold` owners, sent by a relayer. */
  payEth(payment: { to?: Address; value: bigint }): Promise<Hash>
  payToken(payment: { token: TestToken; to?: Address; amount: bigint }): Promise<Hash>
}

/**
 * Deploys a real Safe 1.4.1: the singleton, the factory and the ERC-1271 handler of the published package, and a proxy
 * by the factory, owned by `owners`. Mines what it needs. Payments wait in the mempool, like all of the chain's verbs;
 * mine each before signing the next, because the Safe counts its own nonce.
 */
export async function deploySafe(
  chain: TestChain,
  { owners = ['ownerA'], threshold = owners.length }: { owners?: Role[]; threshold?: number } = {},
): Promise<Safe> {
  const singleton = await chain.deployArtifact(artifact('Safe.sol/Safe'))
  const factory = await chain.deployArtifact(artifact('proxies/SafeProxyFactory.sol/SafeProxyFactory'))
  const handler = await chain.deployArtifact(
    artifact('handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler'),
  )
  const addresses = owners.map((owner) => chain.accounts[owner])
  const setup = encodeFunctionData({
    abi: singleton.abi,
    functionName: 'setup',
    args: [addresses, BigInt(threshold), zeroAddress, '0x', handler.address, zeroAddress, 0n, zeroAddress],
  })
  const created = await chain.call({
    from: chain.accounts.deployer,
    contract: factory,
    functionName: 'createProxyWithNonce',
    args: [singleton.address, setup, 0n],
  })
  await chain.mineWith(created)
  const address = proxyAddress(factory.abi, (await chain.receipt(created)).logs)
  const safe: TestContract = { address, abi: singleton.abi }

  async function execute(to: Address, value: bigint, data: Hex): Promise<Hash> {
    const nonce = await chain.read({ contract: safe, functionName: 'nonce' })
    const inner = [to, value, data, 0, 0n, 0n, 0n, zeroAddress, zeroAddress]
    const hash = (await chain.read({
      contract: safe,
      functionName: 'getTransactionHash',
      args: [...inner, nonce],
    })) as Hash
    // The Safe wants its owners' signatures in the order of their addresses.
    const signers = owners
      .slice(0, threshold)
      .sort((a, b) => (chain.accounts[a] < chain.accounts[b] ? -1 : 1))
    const signatures = await Promise.all(signers.map((owner) => chain.signer(owner).sign({ hash })))
    return chain.call({
      from: chain.accounts.relayer,
      contract: safe,
      functionName: 'execTransaction',
      args: [...inner, concatHex(signatures)],
    })
  }

  return {
    ...safe,
    owners,
    threshold,
    payEth: ({ to = chain.accounts.revenue, value }) => execute(to, value, '0x'),
    payToken: ({ token, to = chain.accounts.revenue, amount }) =>
      execute(
        token.address,
        0n,
        encodeFunctionData({ abi: token.abi, functionName: 'transfer', args: [to, amount] }),
      ),
  }
}

function artifact(path: string): ContractArtifact {
  const require = createRequire(import.meta.url)
  return require(`@safe-global/safe-contracts/build/artifacts/contracts/${path}.json`) as ContractArtifact
}

function proxyAddress(abi: Abi, logs: Parameters<typeof parseEventLogs>[0]['logs']): Address {
  const [creation] = parseEventLogs({ abi, eventName: 'ProxyCreation', logs }) as unknown as {
    args: { proxy: Address }
  }[]
  if (creation === undefined) throw new Error('the factory made no Safe')
  return creation.args.proxy.toLowerCase() as Address
}
