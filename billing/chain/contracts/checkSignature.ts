import {
  type Address,
  encodeDeployData,
  encodeFunctionData,
  erc6492SignatureValidatorAbi,
  erc6492SignatureValidatorByteCode,
  type Hash,
  type Hex,
  isErc6492Signature,
  padHex,
  parseAbi,
  size,
  toHex,
} from 'viem'
import { z } from 'zod'
import { pause } from '../../clock/createWaker.ts'
import { readHead } from '../readHead.ts'
import { type Agreed, type Answer, agree } from '../rpc/agree.ts'
import type { RpcEndpoint } from '../rpc/rpcEndpoint.ts'
import { refusalOf } from '../rpc/rpcError.ts'
import { readChainId } from '../rpc/wire.ts'

/** Short, because somebody is waiting for the page. */
const SIGNATURE_TIMEOUT_MS = 12_000

/**
 * Asks all RPCs of a chain whether a contract accepts a signature as its own after the newest block that they agree on: a
 * single lying RPC cannot sign anybody in (ADR 0008). Gives up after twelve seconds with `unavailable`.
 */
export async function checkSignature(
  endpoints: RpcEndpoint[],
  chainId: number,
  question: SignatureQuestion,
  { patienceMs = SIGNATURE_TIMEOUT_MS }: { patienceMs?: number } = {},
): Promise<Agreed<boolean>> {
  const over = new AbortController()
  const late = pause(patienceMs, over.signal).then(
    (): Agreed<boolean> => ({ kind: 'unavailable', detail: 'there was no answer in time' }),
  )
  try {
    return await Promise.race([askAll(endpoints, chainId, question), late])
  } finally {
    over.abort()
  }
}

async function askAll(
  endpoints: RpcEndpoint[],
  chainId: number,
  question: SignatureQuestion,
): Promise<Agreed<boolean>> {
  const reading = await readHead(endpoints, chainId)
  if (reading.kind !== 'agreed') return { kind: reading.kind, detail: reading.problem }
  const { number: blockNumber } = reading.head
  return agree(endpoints, (endpoint) => readSignature(endpoint, { ...question, chainId, blockNumber }))
}

/** Asks whether a contract accepts a signature as its own. */
export interface SignatureQuestion {
  signer: Address
  hash: Hash
  signature: Hex
}

/**
 * The most gas a contract may use: enough to be deployed and to check a passkey in plain EVM code, little enough to stop a
 * hostile one within a fraction of a second.
 */
const MAX_CALL_GAS = 10_000_000n

const erc1271Abi = parseAbi([
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
])

/** ERC-1271's answer for a valid signature: its own selector, padded to a word. */
const VALID_SIGNATURE = padHex('0x1626ba7e', { dir: 'right', size: 32 })

const contractAnswer = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform((answer) => answer.toLowerCase() === VALID_SIGNATURE)

/** viem's validator answers with one byte. Anything else did not come from it. */
const validatorAnswer = z.enum(['0x00', '0x01']).transform((answer) => answer === '0x01')

/**
 * Asks one RPC whether a contract accepts a signature as its own after a block (ERC-1271), or would once it is deployed
 * (ERC-6492, recognised by the end of the signature). Costs 2 requests.
 *
 * false where the contract reverts, runs out of gas or does not exist. viem's `verifyHash` is not used because it also
 * answers false when the RPC fails, which must not count as the contract's answer.
 *
 * Whoever signs chooses the code that runs: with ERC-6492 any call of any contract. It runs in an eth_call with bounded gas
 * and no privileges (its caller is the zero address, or code that exists for that call only), and changes nothing.
 */
async function readSignature(
  endpoint: RpcEndpoint,
  question: SignatureQuestion & { chainId: number; blockNumber: bigint },
): Promise<Answer<boolean>> {
  const [answeredChainId, value] = await Promise.all([readChainId(endpoint), ask(endpoint, question)])
  if (answeredChainId !== question.chainId) return { kind: 'wrong_chain', chainId: answeredChainId }
  return { kind: 'answer', value }
}

async function ask(
  endpoint: RpcEndpoint,
  { signer, hash, signature, blockNumber }: SignatureQuestion & { blockNumber: bigint },
): Promise<boolean> {
  const block = toHex(blockNumber)
  const gas = toHex(MAX_CALL_GAS)
  try {
    if (size(signature) >= 32 && isErc6492Signature(signature)) {
      const data = encodeDeployData({
        abi: erc6492SignatureValidatorAbi,
        bytecode: erc6492SignatureValidatorByteCode,
        args: [signer, hash, signature],
      })
      return await endpoint.request('eth_call', [{ data, gas }, block], validatorAnswer)
    }
    const data = encodeFunctionData({
      abi: erc1271Abi,
      functionName: 'isValidSignature',
      args: [hash, signature],
    })
    return await endpoint.request('eth_call', [{ to: signer, data, gas }, block], contractAnswer)
  } catch (error) {
    if (isCodesFault(error)) return false
    throw error
  }
}

/**
 * What nodes say when the called code is at fault: geth "execution reverted", "out of gas", "invalid opcode: …",
 * "stack underflow (…)", "invalid jump destination", nethermind and erigon variants, anvil "EVM error …".
 */
const CODE_FAULT = /revert|out of ?gas|opcode|stack (under|over)flow|invalid ?jump|evm error|vm execution/i

function isCodesFault(error: unknown): boolean {
  const refusal = refusalOf(error)
  return refusal !== null && (refusal.isRevert || CODE_FAULT.test(refusal.message))
}
