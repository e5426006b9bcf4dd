import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { z } from 'zod'
import { readCanonicalHash, readHead } from '../../billing/chain/readHead.ts'
import { gather } from '../../billing/chain/rpc/agree.ts'
import type { RpcEndpoint } from '../../billing/chain/rpc/rpcEndpoint.ts'
import type { Sql } from '../../billing/database/connect.ts'
import { redactUrls } from '../redactUrls.ts'
import { findForkPoint } from './findForkPoint.ts'
import {
  type Anchor,
  dropSupersededSchemas,
  type IndexedHead,
  listAnchors,
  readProgress,
  recordAnchor,
} from './indexStore.ts'
import { type ChainVerdict, type ChainWatch, judgeChain } from './judgeChain.ts'

/** A chain and the RPCs by which its index is judged. */
export interface WatchedChain {
  chainId: number
  endpoints: RpcEndpoint[]
}

export interface WatchIndexOptions {
  sql(): Sql
  chains: WatchedChain[]
  /** The schema of the indexer that runs; null while none does. */
  schema(): string | null
  /** Called when the index of a chain stands still for no visible reason. */
  restart(chainId: number): Promise<void>
  /** Called when what the indexer holds of a chain above `keep` (everything for null) belongs to a fork that is gone. */
  rebuild(chainId: number, keep: bigint | null): Promise<void>
  logger: Logger
}

export interface IndexWatch {
  /** Notes that the indexer reported a reorg it cannot undo. */
  complain(chainId: number): void
  /** Notes that it asks in vain for what belongs to a block. */
  miss(chainId: number, blockHash: string): void
  stop(): Promise<void>
}

const LOOK_EVERY_MS = 5_000
const LOOK_AGAIN_MS = 1_500
/** The final block is checked once in this many looks, and whenever something is suspicious. */
const ANCHOR_EVERY_LOOKS = 3
const COMPLAINT_MAX_AGE_MS = 60_000
/** With its growing pauses and time-outs, the indexer asks for a block every half minute at least. */
const MISSING_MAX_AGE_MS = 60_000
/** If no remembered block shows where the fork is, this many blocks below the indexer's finality are discarded. */
const DISCARDED_BLOCKS = 1_000n

/** Watches an index while its indexer runs: notices forks and standstills, and drops superseded indexes. */
export function watchIndex(options: WatchIndexOptions): IndexWatch {
  return new Watcher(options)
}

class Watcher implements IndexWatch {
  readonly #options: WatchIndexOptions
  readonly #watches = new Map<number, ChainWatch>()
  readonly #complaints = new Map<number, number[]>()
  readonly #missing = new Map<number, { blockHash: string; atMs: number }>()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #wake = new AbortController()
  #suspicious: ReadonlySet<number> = new Set()
  #looks = 0

  constructor(options: WatchIndexOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  complain(chainId: number): void {
    const told = this.#complaints.get(chainId) ?? []
    this.#complaints.set(chainId, [...told.slice(-20), performance.now()])
    if (told.length === 0) this.#wake.abort()
  }

  miss(chainId: number, blockHash: string): void {
    const isNew = this.#missing.get(chainId)?.blockHash !== blockHash
    this.#missing.set(chainId, { blockHash, atMs: performance.now() })
    if (isNew) this.#wake.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController()
      await this.#look().catch((error: unknown) => {
        // A database or an RPC is unreachable: others report it; here it only means that nothing can be judged.
        const message = redactUrls(error instanceof Error ? error.message : String(error))
        this.#options.logger.debug({ error: message }, 'could not look at the index')
      })
      this.#looks += 1
      const signal = AbortSignal.any([this.#stopping.signal, this.#wake.signal])
      await wait(this.#suspicious.size > 0 ? LOOK_AGAIN_MS : LOOK_EVERY_MS, undefined, { signal }).catch(
        () => {},
      )
    }
  }

  async #look(): Promise<void> {
    const sql = this.#options.sql()
    const schema = this.#options.schema()
    if (schema === null) return
    const progress = await readProgress(sql, schema)
    if (progress === null) return
    const suspicious = new Set<number>()
    for (const chain of this.#options.chains) {
      const indexed = progress.heads.find(({ chainId }) => chainId === chain.chainId)
      if (!indexed || this.#stopping.signal.aborted) continue
      const verdict = await this.#judge(sql, chain, indexed, progress.ready)
      if (verdict.kind === 'suspicious') suspicious.add(chain.chainId)
      await this.#act(sql, chain, indexed, verdict)
    }
    this.#suspicious = suspicious
    for (const dropped of await dropSupersededSchemas(sql, schema)) {
      this.#options.logger.info({ schema: dropped }, 'dropped the index of an earlier build')
    }
  }

  async #judge(sql: Sql, chain: WatchedChain, indexed: IndexedHead, ready: boolean): Promise<ChainVerdict> {
    const { chainId, endpoints } = chain
    const since = performance.now() - COMPLAINT_MAX_AGE_MS
    const complaints = (this.#complaints.get(chainId) ?? []).filter((atMs) => atMs >= since)
    this.#complaints.set(chainId, complaints)
    const before = this.#watches.get(chainId) ?? null
    const asksAnchor =
      before === null ||
      complaints.length > 0 ||
      this.#suspicious.has(chainId) ||
      this.#looks % ANCHOR_EVERY_LOOKS === 0
    const missing = this.#missing.get(chainId)
    const isMissing = missing !== undefined && performance.now() - missing.atMs < MISSING_MAX_AGE_MS
    const [reading, finalIsCanonical, isLost] = await Promise.all([
      readHead(endpoints, chainId),
      asksAnchor ? checkAnchor(sql, chain, indexed) : null,
      isMissing ? isKnownToNobody(chain, missing.blockHash) : false,
    ])
    // One that some RPC has will be had.
    if (isMissing && !isLost) this.#missing.delete(chainId)
    const { watch, verdict } = judgeChain(before, {
      nowMs: performance.now(),
      ready,
      latest: indexed.latest,
      head: reading.kind === 'agreed' ? reading.head.number : null,
      finalIsCanonical,
      complaints: complaints.length,
      isLost,
    })
    this.#watches.set(chainId, watch)
    return verdict
  }

  async #act(sql: Sql, chain: WatchedChain, indexed: IndexedHead, verdict: ChainVerdict): Promise<void> {
    const { chainId } = chain
    const { logger } = this.#options
    switch (verdict.kind) {
      case 'fine':
      case 'suspicious':
        return
      case 'restart':
        logger.error(
          { chainId, behindBlocks: String(verdict.behind) },
          'the index stands still; restarting it',
        )
        this.#missing.delete(chainId)
        return this.#options.restart(chainId)
      case 'rebuild': {
        const { evidence } = verdict
        const keep = await blockToKeep(sql, chain, indexed, evidence)
        logger.error(
          { chainId, fromBlock: String((keep ?? -1n) + 1n), evidence },
          'the chain was reorganised below what the index considers final; rebuilding the index',
        )
        await this.#options.rebuild(chainId, keep)
        this.#watches.delete(chainId)
        this.#complaints.delete(chainId)
      }
    }
  }
}

const knownBlock = z.object({ hash: z.string() }).nullable()

/** Whether RPCs answer, and none of them knows the block. */
async function isKnownToNobody({ endpoints }: WatchedChain, blockHash: string): Promise<boolean> {
  const answers = await gather<boolean>(endpoints, async (endpoint) => {
    const found = await endpoint.request('eth_getBlockByHash', [blockHash, false], knownBlock)
    return { kind: 'answer', value: found !== null }
  })
  const given = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer.value] : []))
  return given.length > 0 && !given.includes(true)
}

/** Whether the newest remembered block is canonical. If it is, the indexer's newest final block is remembered too. */
async function checkAnchor(sql: Sql, chain: WatchedChain, indexed: IndexedHead): Promise<boolean | null> {
  const [newest] = await listAnchors(sql, chain.chainId)
  if (newest) {
    const canonical = await isCanonical(chain, newest)
    if (canonical !== true) return canonical
  }
  if (newest === undefined || indexed.finalized > newest.number) {
    const found = await readCanonicalHash(chain.endpoints, chain.chainId, indexed.finalized)
    if (found.kind === 'agreed') {
      await recordAnchor(sql, chain.chainId, { number: indexed.finalized, hash: found.value })
    }
  }
  return newest ? true : null
}

/** The block up to which the indexer's cache is beyond doubt; null when none of it is. */
async function blockToKeep(
  sql: Sql,
  chain: WatchedChain,
  indexed: IndexedHead,
  evidence: 'forked' | 'complained',
): Promise<bigint | null> {
  const anchors = await listAnchors(sql, chain.chainId)
  const lowest = indexed.finalized - DISCARDED_BLOCKS
  const trusted = evidence === 'forked' ? anchors : anchors.filter(({ number }) => number <= lowest)
  return findForkPoint(trusted, async (anchor) => {
    const canonical = await isCanonical(chain, anchor)
    if (canonical === null) {
      throw new Error(`chain ${chain.chainId}: the RPCs do not agree on block ${anchor.number}`)
    }
    return canonical
  })
}

/** null when the RPCs do not answer, do not agree, do not have the block yet, or serve another chain. */
async function isCanonical(chain: WatchedChain, anchor: Anchor): Promise<boolean | null> {
  const found = await readCanonicalHash(chain.endpoints, chain.chainId, anchor.number)
  return found.kind === 'agreed' ? found.value === anchor.hash : null
}
