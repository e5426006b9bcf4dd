import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { z } from 'zod'
import { openEndpoints } from '../../billing/chain/rpc/rpcEndpoint.ts'
import type { ChainConfig, Config } from '../../billing/config/config.ts'
import { connect, type Sql } from '../../billing/database/connect.ts'
import { noteUntraced } from '../../billing/gate/jobs/searchUntraced.ts'
import { urlSecrets } from '../../billing/log/loggableError.ts'
import { redactUrls } from '../redactUrls.ts'
import { type ProcessPlan, type SupervisedProcess, superviseProcess } from '../superviseProcess.ts'
import { buildHash } from './buildHash.ts'
import { holdIndexerLock, type IndexerLock } from './holdIndexerLock.ts'
import {
  currentSchema,
  forgetChainAbove,
  prepareIndexStore,
  releaseSchema,
  startNewGeneration,
  VIEWS_SCHEMA,
} from './indexStore.ts'
import { relayLogLine } from './relayLogLine.ts'
import { type IndexWatch, type WatchedChain, watchIndex } from './watchIndex.ts'

export interface KeepIndexerOptions {
  /** The current one: which chains are traced may change while we run. */
  config(): Config
  databaseUrl(): string
  /** Where it serves GraphQL. */
  host: string
  port: number
  /** The child's environment, except for what is set here. */
  environment(): NodeJS.ProcessEnv
  /** The root of the checkout. */
  root: string
  /** Without a component: pino writes a key that a child logger repeats twice. */
  logger: Logger
}

export interface KeptIndexer {
  /** Restarts it, for example after the settings or the database's URL have changed. */
  restart(): Promise<void>
  stop(patienceMs: number): Promise<void>
}

/** The watch looks every few seconds: an RPC that takes longer counts as silent. */
const WATCH_TIMEOUT_MS = 5_000

/** Variables that would change what the child does behind our back. */
const REMOVED_VARIABLES = [
  'PORT',
  'DATABASE_PRIVATE_URL',
  'DATABASE_SCHEMA',
  'DATABASE_VIEWS_SCHEMA',
  'DEBUG',
]

/**
 * Runs the indexer: in a schema of its own for every build, one at a time on a database, started again when it ends,
 * rebuilt when the chain was reorganised deeper than it can follow, and its old schemas dropped.
 */
export function keepIndexer(options: KeepIndexerOptions): KeptIndexer {
  return new Keeper(options)
}

class Keeper implements KeptIndexer {
  readonly #options: KeepIndexerOptions
  readonly #logger: Logger
  readonly #supervised: SupervisedProcess
  readonly #watch: IndexWatch
  /** Parts of the RPC URLs that error messages may contain without the URL around them. */
  readonly #secrets: readonly string[]
  /** Chains whose subscription is no longer used. */
  readonly #polled = new Set<number>()
  #schema: string | null = null
  #schemaRefused = false
  #lock: IndexerLock | null = null
  #database: { url: string; sql: Sql } | null = null

  constructor(options: KeepIndexerOptions) {
    this.#options = options
    this.#logger = options.logger.child({ component: 'indexer' })
    this.#secrets = options.config().chains.flatMap(({ rpcUrls }) => rpcUrls.flatMap(urlSecrets))
    this.#supervised = superviseProcess({
      component: 'indexer',
      plan: (signal) => this.#plan(signal),
      stopSignal: 'SIGINT',
      onLine: (line) => this.#hear(line),
      onMessage: (message, reply) => void this.#note(message, reply),
      logger: options.logger,
    })
    this.#watch = watchIndex({
      sql: () => this.#sql(),
      chains: options.config().chains.map(watchedChain),
      schema: () => this.#schema,
      restart: (chainId) => {
        // A subscription that has gone silent looks just like this, and polling needs none.
        this.#polled.add(chainId)
        return this.#supervised.restart()
      },
      rebuild: (chainId, keep) =>
        this.#supervised.restart(() => forgetChainAbove(this.#sql(), this.#build(), chainId, keep)),
      logger: this.#logger,
    })
  }

  restart(): Promise<void> {
    return this.#supervised.restart()
  }

  async stop(patienceMs: number): Promise<void> {
    await Promise.all([this.#supervised.stop(patienceMs), this.#watch.stop()])
    await Promise.all([this.#lock?.release(), this.#database?.sql.end({ timeout: 1 })])
  }

  #build(): string {
    return buildHash(this.#options.root, this.#options.config())
  }

  #sql(): Sql {
    const url = this.#options.databaseUrl()
    if (this.#database?.url !== url) {
      void this.#database?.sql.end({ timeout: 1 })
      this.#database = { url, sql: connect(url, { max: 2, applicationName: 'supervisor' }) }
    }
    return this.#database.sql
  }

  #hear(line: string): void {
    const remark = relayLogLine(line, this.#logger, this.#secrets)
    switch (remark.kind) {
      case 'nothing':
        return
      case 'unrecoverable_reorg':
        this.#watch.complain(remark.chainId)
        return
      case 'block_missing':
        this.#watch.miss(remark.chainId, remark.blockHash)
        return
      case 'schema_refused':
        this.#schemaRefused = true
    }
  }

  /** Answers only when it is written down: until then the indexer waits. */
  async #note(message: unknown, reply: (answer: Record<string, unknown>) => void): Promise<void> {
    const { success, data } = Untraced.safeParse(message)
    if (!success) return
    const { id, chainId, blockNumber, blockHash, txHashes } = data
    const facts = { chainId, blockNumber: String(blockNumber), txHashes }
    try {
      const transactions = txHashes.map((txHash) => ({ txHash, blockNumber, blockHash }))
      await noteUntraced(this.#sql(), chainId, transactions)
      reply({ kind: 'untraced_noted', id })
      this.#logger.warn(
        facts,
        'the index passes over transactions that cannot be traced; the gate looks at them',
      )
    } catch (error) {
      const said = redactUrls(error instanceof Error ? error.message : String(error))
      this.#logger.error(
        { ...facts, error: said },
        'transactions that cannot be traced were not noted; the index waits',
      )
    }
  }

  async #plan(signal: AbortSignal): Promise<ProcessPlan> {
    this.#schema = null
    if (!this.#lock?.held()) {
      await this.#lock?.release()
      this.#lock = await holdIndexerLock(this.#options.databaseUrl(), signal, this.#logger, () => {
        // Ponder commits without waiting for the disk: a database that crashed may have forgotten blocks which the indexer
        // believes to be written, and it would never look at them again. A new start goes by what the database holds.
        this.#logger.warn('the connection to the database ended; restarting the indexer')
        void this.#supervised.restart()
      })
    }
    const sql = this.#sql()
    await prepareIndexStore(sql)
    if (this.#schemaRefused) await startNewGeneration(sql, this.#build())
    this.#schemaRefused = false
    const schema = await currentSchema(sql, this.#build())
    await releaseSchema(sql, schema)
    this.#schema = schema
    this.#logger.info({ schema }, 'starting the indexer')
    return { args: this.#arguments(schema), env: this.#environment(), cwd: this.#workingFolder() }
  }

  #arguments(schema: string): string[] {
    const { root, host, port } = this.#options
    // Beside the package's entry point, which is all that its exports let us resolve.
    const bin = fileURLToPath(new URL('./bin/ponder.js', import.meta.resolve('ponder')))
    return [
      ...['--import', new URL('./endWithParent.mjs', import.meta.url).href],
      ...['--import', new URL('./traceEveryBlock.mjs', import.meta.url).href],
      ...['--import', new URL('./acceptUrlCredentials.mjs', import.meta.url).href],
      ...[bin, 'start', '--root', root],
      ...['--schema', schema, '--views-schema', VIEWS_SCHEMA, '-p', String(port), '-H', host],
      // The supervisor's own log level decides what is shown, but some lines it must always see.
      ...['--log-format', 'json', '--log-level', 'info'],
    ]
  }

  #environment(): NodeJS.ProcessEnv {
    const polled = [...this.#polled].map((chainId) => [`INDEXER_POLLS_${chainId}`, '1'])
    const env: NodeJS.ProcessEnv = {
      ...this.#options.environment(),
      ...Object.fromEntries(polled),
      PONDER_TELEMETRY_DISABLED: '1',
      // Keeps the internals of errors out of its GraphQL answers.
      NODE_ENV: 'production',
    }
    for (const name of REMOVED_VARIABLES) delete env[name]
    return env
  }

  /** Ponder writes its GraphQL schema into its working folder; this keeps the checkout clean. */
  #workingFolder(): string {
    const folder = join(this.#options.config().dataDir, 'indexer')
    mkdirSync(folder, { recursive: true })
    return folder
  }
}

const Hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/i)
  .transform((value) => value.toLowerCase() as `0x${string}`)

/** What `traceEveryBlock.mjs` tells before it gives the indexer an empty trace. */
const Untraced = z.object({
  kind: z.literal('untraced'),
  id: z.number(),
  chainId: z.number().int(),
  blockNumber: z
    .string()
    .regex(/^0x[0-9a-f]{1,16}$/i)
    .transform((value) => BigInt(value)),
  blockHash: Hash,
  txHashes: z.array(Hash),
})

function watchedChain({ chainId, rpcUrls }: ChainConfig): WatchedChain {
  return { chainId, endpoints: openEndpoints(rpcUrls, { timeoutMs: WATCH_TIMEOUT_MS }) }
}
