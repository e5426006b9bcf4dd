import DataLoader from 'dataloader'
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionParameters,
  type ContractFunctionReturnType,
  type CustomTransport,
  createClient,
  custom,
  decodeFunctionResult,
  type Hex,
  multicall3Abi,
} from 'viem'
import { multicall } from 'viem/actions'
import { z } from 'zod'
import { type RpcEndpoint, RpcErrorResponse, RpcShapeError } from './rpcEndpoint.ts'

/** What a contract said to one call; `failed`: it reverted, answered another shape, or there is none. */
export type CallOutcome<value> = { kind: 'answered'; value: value } | { kind: 'failed' }

type ReadOnly = 'view' | 'pure'

/** One call of a contract. */
export type StateCall<
  abi extends Abi | readonly unknown[] = Abi,
  name extends ContractFunctionName<abi, ReadOnly> = ContractFunctionName<abi, ReadOnly>,
  args extends ContractFunctionArgs<abi, ReadOnly, name> = ContractFunctionArgs<abi, ReadOnly, name>,
> = ContractFunctionParameters<abi, ReadOnly, name, args>

/** The state of a chain as one RPC has it after one block. */
export interface ChainState {
  /**
   * Calls a contract. Calls of the same tick go together in one eth_call, so ask first and await afterwards.
   *
   * A contract that fails fails alone. Throws StateUnavailableError when the node no longer has the state; throws whatever
   * `RpcEndpoint.request` does when the RPC fails.
   */
  read<
    const abi extends Abi | readonly unknown[],
    name extends ContractFunctionName<abi, ReadOnly>,
    const args extends ContractFunctionArgs<abi, ReadOnly, name>,
  >(
    call: StateCall<abi, name, args>,
  ): Promise<CallOutcome<ContractFunctionReturnType<abi, ReadOnly, name, args>>>
}

/**
 * Calls in one eth_call. The calls travel inside initcode, which may have 49152 bytes (EIP-3860); viem's own code takes
 * 6 kB of that and a call some 250 bytes.
 */
const CALLS_AT_ONCE = 150

/**
 * Opens the state after a block. Nothing is asked until the first `read`. viem ships the multicall code with the call, so
 * nothing needs to be deployed on the chain.
 */
export function openState(endpoint: RpcEndpoint, blockNumber: bigint): ChainState {
  const loader = new DataLoader<ContractFunctionParameters, CallOutcome<unknown>>(
    (calls) => readTogether(endpoint, blockNumber, calls),
    { cache: false, maxBatchSize: CALLS_AT_ONCE },
  )
  return {
    // What the loader gives back for a call is what viem decoded by that very call's ABI.
    read: (call) => loader.load(call as unknown as ContractFunctionParameters) as Promise<CallOutcome<never>>,
  }
}

async function readTogether(
  endpoint: RpcEndpoint,
  blockNumber: bigint,
  calls: readonly ContractFunctionParameters[],
): Promise<CallOutcome<unknown>[]> {
  const { client, failure } = watchedClient(endpoint, calls.length)
  const results = await multicall(client, {
    contracts: calls,
    deployless: true,
    batchSize: 0,
    blockNumber,
    allowFailure: true,
  })
  const failed = failure()
  if (failed !== null) throw isStateGone(failed.why) ? new StateUnavailableError(GONE) : failed.why
  return results.map(({ status, result }) =>
    status === 'success' ? { kind: 'answered', value: result } : { kind: 'failed' },
  )
}

/**
 * A client that remembers whether the eth_call itself failed. viem's multicall tells of that in the same way as of a
 * contract that reverted, as a failure of each call, and the two must never be taken for each other: the one says
 * something of the node, the other of the contract.
 */
function watchedClient(endpoint: RpcEndpoint, callCount: number) {
  let failure: { why: unknown } | null = null
  const request: Parameters<typeof custom>[0]['request'] = async ({ method, params }) => {
    try {
      const answer = await endpoint.request(method, params ?? [], callAnswer)
      requireResults(answer, callCount)
      return answer
    } catch (why) {
      failure = { why }
      throw why
    }
  }
  // The endpoint has already tried again what is worth it.
  const client = createClient<CustomTransport>({ transport: custom({ request }, { retryCount: 0 }) })
  return { client, failure: () => failure as { why: unknown } | null }
}

const callAnswer = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})+$/)
  .transform((answer) => answer as Hex)

/** Throws unless it is what the multicall code answers to that many calls: else nothing has run it. */
function requireResults(answer: Hex, callCount: number): void {
  try {
    const results = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data: answer })
    if (results.length === callCount) return
  } catch {
    // Bytes that are no list of results.
  }
  throw new RpcShapeError('eth_call')
}

const GONE = 'no longer has the state of that block'

/**
 * What nodes say when a block's state is gone: geth "missing trie node", "historical state … is not available",
 * EIP-4444's 4444 "pruned history unavailable", erigon and nethermind variants of it, anvil "block out of range".
 */
const STATE_GONE =
  /missing trie node|state.*(not|un)\s?available|pruned|historical state|header not found|out of range|no state|too old/i

function isStateGone(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RpcErrorResponse) return STATE_GONE.test(cause.message)
  }
  return false
}

/**
 * What a node no longer knows, or what a contract does not say, at a block: thrown where the state is read and caught once
 * where the question is answered, as `state_unavailable`. The message goes on after the RPC's name.
 */
export class StateUnavailableError extends Error {
  override name = 'StateUnavailableError'
}
