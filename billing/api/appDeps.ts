import type { Logger } from 'pino'
import type { Address } from 'viem'
import type { Asset, Config, Rail } from '../config/config.ts'
import type { Page, PageRequest } from '../database/page.ts'
import type { HealthReport } from '../gate/healthReport.ts'
import type { DepositFilter } from '../gate/listDeposits.ts'
import type { PriceFilter } from '../gate/listPrices.ts'
import type { DepositView, TransactionDesk } from '../gate/transactionView.ts'
import type { AdjustInput, AdjustResult } from '../ledger/adjust.ts'
import type { LedgerEntryView } from '../ledger/entryView.ts'
import type { Metrics } from '../metrics/createMetrics.ts'
import type { PriceSource, PriceView } from '../pricing/priceView.ts'
import type { Quoter } from '../pricing/quoter.ts'

/** What the API asks of the ledger. Addresses are lower-case; one never seen has balance 0 and no entries. */
export interface LedgerReads {
  readBalance(address: Address): Promise<bigint>
  listEntries(address: Address, page: PageRequest): Promise<Page<LedgerEntryView>>
  adjust(input: AdjustInput): Promise<AdjustResult>
}

/** What the API asks of the recorded deposits, newest first. */
export interface DepositReads {
  listByPayer(address: Address, page: PageRequest): Promise<Page<DepositView>>
  listByState(filter: DepositFilter, page: PageRequest): Promise<Page<DepositView>>
}

/** What the API asks of the price history, newest first. */
export interface PriceReads {
  list(filter: PriceFilter, page: PageRequest): Promise<Page<PriceView>>
}

/** An enabled rail with what the chain said of its token at the start. */
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

/** Everything the HTTP side needs; handed in by the composition root, so that it holds no SQL and opens no connection. */
export interface AppDeps {
  config: Config
  logger: Logger
  desk: TransactionDesk
  quoter: Quoter
  rails(): RailInfo[]
  ledger: LedgerReads
  deposits: DepositReads
  prices: PriceReads
  health: { read(): Promise<HealthReport> }
  metrics: Metrics
  /** Where the indexer serves GraphQL, for example `http://127.0.0.1:42069`; null while there is none. */
  indexerUrl(): string | null
}
