import type { Address, Hash } from 'viem'
import type { OracleReading } from '../pricing/oracleReading.ts'
import { checkSignature, type SignatureQuestion } from './contracts/checkSignature.ts'
import { readAxgtBalancesAt } from './contracts/readBalances.ts'
import { readOracleAt } from './contracts/readOracle.ts'
import type { Evidence, EvidenceContext, EvidenceRequest } from './proof/evidence.ts'
import { type FoundTransfer, findTransfers } from './proof/findTransfers.ts'
import { locateTransaction, type TransactionLocation } from './proof/locateTransaction.ts'
import { previewTransaction, type TransactionPreview } from './proof/previewTransaction.ts'
import { readEvidence } from './proof/readEvidence.ts'
import { type HeadReading, readCanonicalHash, readHead, readHeader } from './readHead.ts'
import { type Agreed, agree, gather } from './rpc/agree.ts'
import type { RpcEndpoint } from './rpc/rpcEndpoint.ts'

/**
 * All that is ever asked of a chain. It is handed in, so the code that credits money in production is the code that
 * a simulator drives.
 */
export interface ChainReader {
  readHead(): Promise<HeadReading>
  readCanonicalHash(blockNumber: bigint): Promise<Agreed<Hash>>
  readEvidence(request: EvidenceRequest): Promise<Agreed<Evidence>>
  /** Agreed null: in no block. */
  locate(txHash: Hash): Promise<Agreed<TransactionLocation | null>>
  /** Whether any RPC knows the hash at all, and what it would pay while it is in the mempool. */
  preview(txHash: Hash): Promise<TransactionPreview>
  /** Token transfers to the wallet, and ETH where asked for, in a range of blocks: every one that any RPC shows. */
  findTransfers(range: { fromBlock: bigint; toBlock: bigint; ether: boolean }): Promise<FoundTransfer[]>
  /** When a block was made, in seconds; null when no RPC says. Only for showing, never for deciding. */
  readTimestamp(blockNumber: bigint): Promise<bigint | null>
  /** The AXGT that each of these wallets holds after a block, in base units; null where the chain has no AXGT. */
  readAxgtBalances(holders: Address[], blockNumber: bigint): Promise<Agreed<bigint[]> | null>
  /** What the price sources say after a block; null where nothing is priced by the chain. */
  readOracle(blockNumber: bigint): Promise<Agreed<OracleReading> | null>
  /** Whether a contract takes a signature for its own now, deployed (ERC-1271) or not yet (ERC-6492). */
  checkSignature(question: SignatureQuestion): Promise<Agreed<boolean>>
}

/** Reads a chain through its RPCs, believing only what they agree on. */
export function createChainReader(endpoints: RpcEndpoint[], context: EvidenceContext): ChainReader {
  const { chainId, axgtToken, oracle } = context
  return {
    readHead: () => readHead(endpoints, chainId),
    readCanonicalHash: (blockNumber) => readCanonicalHash(endpoints, chainId, blockNumber),
    readEvidence: (request) => agree(endpoints, (endpoint) => readEvidence(endpoint, context, request)),
    locate: (txHash) => locateTransaction(endpoints, chainId, txHash),
    preview: (txHash) => previewTransaction(endpoints, context, txHash),
    findTransfers: (range) => findTransfers(endpoints, context, range),
    async readTimestamp(blockNumber) {
      const answers = await gather<bigint>(endpoints, async (endpoint) => {
        const block = await readHeader(endpoint, blockNumber)
        return block === null ? { kind: 'behind' } : { kind: 'answer', value: block.timestamp }
      })
      return answers.find((answer) => answer.kind === 'answer')?.value ?? null
    },
    async readAxgtBalances(holders, blockNumber) {
      if (axgtToken === null) return null
      const question = { chainId, axgtToken, holders, blockNumber }
      return agree(endpoints, (endpoint) => readAxgtBalancesAt(endpoint, question))
    },
    async readOracle(blockNumber) {
      if (oracle === null) return null
      return agree(endpoints, (endpoint) => readOracleAt(endpoint, chainId, oracle, blockNumber))
    },
    checkSignature: (question) => checkSignature(endpoints, chainId, question),
  }
}
