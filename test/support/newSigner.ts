import {
  type Address,
  encodeFunctionData,
  type Hash,
  type Hex,
  keccak256,
  parseEther,
  parseUnits,
} from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type { TestChain, TestContract, TestToken } from './createChain.ts'

/** A signed transaction: sent with `chain.resend`, as often as a reorg drops it. */
export interface Signed {
  hash: Hash
  raw: Hex
}

export interface Signer {
  address: Address
  /** A payment of ETH to the revenue wallet. Signing uses up the nonce: send them in the order they were signed. */
  payEther(value: bigint): Promise<Signed>
  payToken(token: TestToken, amount: bigint): Promise<Signed>
  call(
    contract: TestContract,
    functionName: string,
    args: readonly unknown[],
    value?: bigint,
  ): Promise<Signed>
}

/**
 * A fresh account with 10 ETH and 1000 of each token that signs for itself. What anvil signs for an impersonated account
 * has no signature, so it could not be sent again after a reorg.
 */
export async function newSigner(chain: TestChain, tokens: TestToken[] = []): Promise<Signer> {
  const account = privateKeyToAccount(generatePrivateKey())
  const address = account.address.toLowerCase() as Address
  await chain.client.setBalance({ address, value: parseEther('10') })
  await chain.mineWith(
    ...tokens.map((token) => chain.mintToken(token, address, parseUnits('1000', token.decimals))),
  )
  let nonce = 0
  const sign = async (call: { to: Address; value?: bigint; data?: Hex; gas: bigint }): Promise<Signed> => {
    const fees = { maxFeePerGas: 20_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }
    const raw = await account.signTransaction({ chainId: chain.chainId, nonce: nonce++, ...fees, ...call })
    return { raw, hash: keccak256(raw) }
  }
  const call: Signer['call'] = ({ address: to, abi }, functionName, args, value = 0n) =>
    sign({ to, value, data: encodeFunctionData({ abi, functionName, args }), gas: 1_000_000n })
  return {
    address,
    payEther: (value) => sign({ to: chain.accounts.revenue, value, gas: 21_000n }),
    payToken: (token, amount) => call(token, 'transfer', [chain.accounts.revenue, amount]),
    call,
  }
}
