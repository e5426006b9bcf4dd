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
import { pause } from '../../clock/pause.ts'
import { readHead } from '../readHead.ts'
import { type Agreed, type Answer, agree } from '../rpc/agree.ts'
import { type RpcEndpoint, RpcErrorResponse } from '../rpc/rpcEndpoint.ts'
import { readChainId } from '../rpc/wire.ts'

/** Somebody waits for it in front of a page. */
const PATIENCE_MS = 12_000

/**
 * Asks all RPCs of a chain whether a contract takes a signature for its own, after the newest block that they agree on: a
 * single lying one can not sign anybody in (ADR 0008). It is over within twelve seconds, `unavailable` then.
 */
export async function checkSignature(
  endpoints: RpcEndpoint[],
  chainId: number,
  question: SignatureQuestion,
  { patienceMs = PATIENCE_MS }: { patienceMs?: number } = {},
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

/** Whether a contract takes a signature for its own. */
export interface SignatureQuestion {
  signer: Address
  hash: Hash
  signature: Hex
}

/**
 * What the contract may use: enough to be deployed and to check a passkey in plain EVM code, little enough that a hostile
 * one is over in a fraction of a second.
 */
const GAS = 10_000_000n

const erc1271Abi = parseAbi([
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
])

/** What ERC-1271 answers for yes: its own selector, padded to a word. */
const YES = padHex('0x1626ba7e', { dir: 'right', size: 32 })

const contractAnswer = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform((answer) => answer.toLowerCase() === YES)

/** viem's validator answers one byte. Anything else was not answered by it. */
const validatorAnswer = z.enum(['0x00', '0x01']).transform((answer) => answer === '0x01')

/**
 * Asks one RPC whether a contract takes a signature for its own after a block (ERC-1271), or would once it is deployed
 * (ERC-6492, told by the end of the signature). Costs 2 requests.
 *
 * A contract that reverts, runs out of gas or is not there has not said yes: false. viem's `verifyHash` is not used because
 * it answers false as well when the RPC fails, and that must not be taken for the contract's word.
 *
 * Whoever signs chooses the code that runs: with ERC-6492 any call of any contract. It runs in an eth_call, as nobody
 * (its caller is the zero address or code that exists for that call only), with bounded gas, and nothing of it stays.
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
  const gas = toHex(GAS)
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
 * What nodes say when the code that was called is to blame: geth "execution reverted", "out of gas", "invalid opcode: …",
 * "stack underflow (…)", "invalid jump destination", nethermind and erigon variants, anvil "EVM error …".
 */
const CODES_FAULT = /revert|out of ?gas|opcode|stack (under|over)flow|invalid ?jump|evm error|vm execution/i

function isCodesFault(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RpcErrorResponse) return cause.isRevert || CODES_FAULT.test(cause.message)
  }
  return false
}
