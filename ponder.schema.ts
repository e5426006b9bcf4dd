import { index, onchainTable } from 'ponder'

/**
 * Everything that arrived at the revenue wallet: one row for each Transfer log and each native value movement.
 *
 * A cache of the chain and nothing more. `id`, `logIndex` and `traceIndex` change when a reorg moves a transaction, rows of
 * recent blocks vanish and come back when the indexer restarts, and all of it can be dropped and rebuilt. Addresses and
 * hashes are lower-case; `amount` is in base units; `blockTimestamp` in seconds since 1970.
 */
export const transfer = onchainTable(
  'transfer',
  (t) => ({
    /** `<chain id>-<Ponder's event id>`. */
    id: t.text().primaryKey(),
    chainId: t.integer().notNull(),
    /** `eth`, `usdc` or `axgt`. */
    asset: t.text().notNull(),
    /** The contract that emitted the log; null for ETH. */
    token: t.hex(),
    /** `from` of the transfer itself. */
    payer: t.hex().notNull(),
    amount: t.bigint().notNull(),
    txHash: t.hex().notNull(),
    blockNumber: t.bigint().notNull(),
    blockHash: t.hex().notNull(),
    blockTimestamp: t.bigint().notNull(),
    /** Of a token transfer. */
    logIndex: t.integer(),
    /** Position of the call frame in its transaction, depth first; null where ETH is detected by transactions. */
    traceIndex: t.integer(),
  }),
  (table) => ({
    byBlock: index().on(table.chainId, table.blockNumber),
    byTransaction: index().on(table.txHash),
    byPayer: index().on(table.payer),
  }),
)
