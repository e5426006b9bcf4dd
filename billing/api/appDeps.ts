import type { IncomingMessage } from 'node:http'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Logger } from 'pino'
import type { Address } from 'viem'
import type { SignIn } from '../auth/createSignIn.ts'
import type { Asset, Config, Rail } from '../config/config.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { DepositFilter, DepositView } from '../deposits/depositViews.ts'
import type { DepositProgress } from '../deposits/openDepositProgress.ts'
import type { TransactionDesk } from '../desk/createDesk.ts'
import type { Quoter } from '../desk/createQuoter.ts'
import type { EventFeed } from '../events/openEventFeed.ts'
import type { Metrics } from '../health/createMetrics.ts'
import type { HealthReport } from '../health/readHealth.ts'
import type { AdjustInput, AdjustResult } from '../ledger/adjust.ts'
import type { LedgerEntryView } from '../ledger/listEntries.ts'
import type { BatchResult, BeatResult } from '../metering/createBeats.ts'
import type { MeteredSession, SessionView } from '../metering/meterSessions.ts'
import type { AccountView } from '../metering/readAccount.ts'
import type { NewSession, StartResult } from '../metering/sessions.ts'
import type { PutVolumeResult, VolumeView } from '../metering/volumes.ts'
import type { PriceFilter } from '../prices/priceHistory.ts'
import type { PriceSource, PriceView } from '../pricing/oracleReading.ts'
import type { PanelFiles } from './routes/panelFiles.ts'

/** What the API reads from the ledger. Addresses are lower-case; an unknown one has no entries. */
export interface LedgerReads {
  listEntries(address: Address, page: PageRequest): Promise<Page<LedgerEntryView>>
  adjust(input: AdjustInput): Promise<AdjustResult>
}

/** What the API reads of the recorded deposits, newest first. */
export interface DepositReads {
  listByPayer(address: Address, page: PageRequest): Promise<Page<DepositView>>
  listByState(filter: DepositFilter, page: PageRequest): Promise<Page<DepositView>>
}

/** What the API reads of the price history, newest first. */
export interface PriceReads {
  list(filter: PriceFilter, page: PageRequest): Promise<Page<PriceView>>
}

/** What the API asks of metering. */
export interface Metering {
  start(session: NewSession): Promise<StartResult>
  /** Grouped with others that arrive at the same time; answered after the commit. */
  beat(id: string): Promise<BeatResult>
  /** In no particular order; unknown ids are left out. */
  beatMany(ids: string[]): Promise<BatchResult>
  /** null: there is no session with that id. */
  release(id: string): Promise<MeteredSession | null>
  readAccount(address: Address): Promise<AccountView>
  listSessions(address: Address, page: PageRequest): Promise<Page<SessionView>>
}

/** What the API asks of storage. null: no volume was ever reported with that id. */
export interface Volumes {
  put(volume: { id: string; account: Address; sizeBytes: bigint }): Promise<PutVolumeResult>
  remove(id: string): Promise<VolumeView | null>
  read(id: string): Promise<VolumeView | null>
}

/** What the API asks about who is signed in. */
export interface WalletTokens {
  /** Whose token it is, lower-case; null: nobody's, or it has expired. */
  addressOf(token: string): Promise<Address | null>
}

/** What streams of events are made of. */
export interface Events {
  feed: EventFeed
  progress: DepositProgress
  /** Recorded deposits as they are now; unknown ids are left out. */
  readDeposits(ids: string[]): Promise<DepositView[]>
}

/** An enabled rail with what the chain said about its token at the start. */
export interface RailInfo {
  rail: Rail
  asset: Asset
  chainId: number
  /** null for ETH. */
  token: Address | null
  decimals: number
  symbol: string
  /** Without any discount. */
  minimumBaseUnits: bigint
  pricing: PriceSource
}

/** Everything the HTTP side needs. The composition root passes it in, so this side holds no SQL and opens no connection. */
export interface AppDeps {
  config: Config
  logger: Logger
  desk: TransactionDesk
  quoter: Quoter
  metering: Metering
  volumes: Volumes
  walletTokens: WalletTokens
  signIn: SignIn
  events: Events
  rails(): RailInfo[]
  ledger: LedgerReads
  deposits: DepositReads
  prices: PriceReads
  health: { read(): Promise<HealthReport> }
  metrics: Metrics
  /** The page on which people pay. */
  panel: PanelFiles
  /** Where the indexer serves GraphQL, for example `http://127.0.0.1:42069`; null while there is none. */
  indexerUrl(): string | null
}

/** What Hono passes to handlers of this API: `incoming` is set when there is a real socket (not in `app.request()`). */
export interface ApiEnv {
  Bindings: { incoming?: IncomingMessage }
}

/** The application that routes are added to. */
export type Api = OpenAPIHono<ApiEnv>
