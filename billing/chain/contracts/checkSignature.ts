import {
  type Address,
  encodeDeployData,
  encodeFunctionData,
  type Hash,
  type Hex,
  isErc6492Signature,
  parseAbi,
  parseErc6492Signature,
  size,
  toHex,
  zeroAddress,
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
 * The most gas that all code together may use: enough for a passkey checked in plain EVM code (some 1 100 000 at worst) and
 * for the proxy of an undeployed wallet (some 300 000), little enough to stop a hostile one within hundredths of a second.
 */
const MAX_CALL_GAS = 3_000_000n

/** Room for a node's error in words; the answer itself is one byte. */
const MAX_ANSWER_BYTES = 16 * 1024

const erc1271Abi = parseAbi([
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
])
const askSignerAbi = parseAbi([
  'constructor(address signer, bytes question, address factory, bytes preparation)',
])

/** What AskSigner.sol compiles to. */
export const ASK_SIGNER_BYTECODE: Hex = `0x${[
  '608060405234801561001057600080fd5b5060405161020938038061020983398101604081905261002f9161017e565b6000',
  '61003b858561007e565b90508015801561005357506001600160a01b03831615155b15610074576000808351602085016000',
  '875af150610071858561007e565b90505b8060005360016000f35b600060206000835160208501865afa631626ba7e60e01b',
  '6000511460203d1482161691505092915050565b80516001600160a01b03811681146100c057600080fd5b919050565b634e',
  '487b7160e01b600052604160045260246000fd5b600082601f8301126100ec57600080fd5b81516001600160401b03811115',
  '610105576101056100c5565b604051601f8201601f19908116603f011681016001600160401b038111828210171561013357',
  '6101336100c5565b60405281815283820160200185101561014b57600080fd5b60005b8281101561016a5760208186018101',
  '518383018201520161014e565b506000918101602001919091529392505050565b6000806000806080858703121561019457',
  '600080fd5b61019d856100a9565b60208601519094506001600160401b038111156101b957600080fd5b6101c58782880161',
  '00db565b9350506101d4604086016100a9565b60608601519092506001600160401b038111156101f057600080fd5b6101fc',
  '878288016100db565b9150509295919450925056fe',
].join('')}`

/** AskSigner answers with one byte. Anything else did not come from it. */
const askSignerAnswer = z.enum(['0x00', '0x01']).transform((answer) => answer === '0x01')

/**
 * Asks one RPC whether a contract accepts a signature as its own after a block (ERC-1271), or would once it is deployed
 * (ERC-6492, recognised by the end of the signature). Costs 2 requests.
 *
 * false where the contract reverts, runs out of gas or does not exist. viem's `verifyHash` is not used because it also
 * answers false when the RPC fails, which must not count as the contract's answer.
 *
 * Whoever signs chooses the code that runs: with ERC-6492 any call of any contract. It runs in an eth_call with bounded gas
 * and no privileges (its caller is code that exists for that call only), and changes nothing. What it returns or reverts
 * with ends in that caller, AskSigner.sol: hostile code never chooses the size of what the RPC answers.
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
  const call = callOf(signature)
  if (call === null) return false
  const question = encodeFunctionData({
    abi: erc1271Abi,
    functionName: 'isValidSignature',
    args: [hash, call.signature],
  })
  const data = encodeDeployData({
    abi: askSignerAbi,
    bytecode: ASK_SIGNER_BYTECODE,
    args: [signer, question, call.factory, call.preparation],
  })
  const params = [{ data, gas: toHex(MAX_CALL_GAS) }, toHex(blockNumber)]
  try {
    return await endpoint.request('eth_call', params, askSignerAnswer, { maxBytes: MAX_ANSWER_BYTES })
  } catch (error) {
    if (isCodesFault(error)) return false
    throw error
  }
}

/** What is asked of the contract, and what is to be called before (ERC-6492); null for a wrapper that holds no such thing. */
function callOf(signature: Hex): { signature: Hex; factory: Address; preparation: Hex } | null {
  if (size(signature) < 32 || !isErc6492Signature(signature)) {
    return { signature, factory: zeroAddress, preparation: '0x' }
  }
  try {
    const wrapped = parseErc6492Signature(signature)
    if (wrapped.address === undefined) return null
    return { signature: wrapped.signature, factory: wrapped.address, preparation: wrapped.data ?? '0x' }
  } catch {
    return null
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
