import { connect } from '../billing/database/connect.ts'
import { migrate } from '../billing/database/migrate.ts'
import { compileContracts } from '../demo/compileContracts.ts'
import { baseSettings } from '../test/support/baseSettings.ts'
import { createChain } from '../test/support/createChain.ts'
import { waitUntil } from '../test/support/waitUntil.ts'
import type { Benchmark } from './benchmark.ts'
import { fillChain, type PaidBlock } from './fillChain.ts'
import { publishTransfers } from './publishTransfers.ts'
import { readBare } from './readBare.ts'
import { startBilling } from './startBilling.ts'
import { withDatabase } from './withDatabase.ts'

const BLOCKS = 100
const DEPOSITS_PER_BLOCK = 100
const DEPOSITS = BLOCKS * DEPOSITS_PER_BLOCK

/** How fast the gate works off a backlog, in how much memory and with how many RPC requests. */
export const backlog: Benchmark = {
  name: 'backlog',
  summary: `${DEPOSITS} waiting deposits, ${DEPOSITS_PER_BLOCK} per block, half plain ETH, half USDC`,
  run: (say) =>
    withDatabase(async (databaseUrl) => {
      const chain = await createChain({ contracts: compileContracts(['demo/contracts/Token.sol']) })
      const sql = connect(databaseUrl, { max: 4, applicationName: 'bench' })
      try {
        const tokens = await chain.deployTokens()
        say(`paying ${DEPOSITS} times`)
        const blocks = await fillChain(chain, tokens.usdc, {
          blocks: BLOCKS,
          paymentsPerBlock: DEPOSITS_PER_BLOCK,
        })
        await chain.mine(6)
        await migrate(databaseUrl)
        await publishTransfers(sql, chain.chainId, tokens.usdc.address, blocks)
        say('reading the same blocks bare, for the baseline')
        const bareSeconds = await readBare(chain.rpcUrl, tokens.usdc.address, chain.accounts.revenue, blocks)
        const settings = await baseSettings({
          chains: [chain],
          databaseUrl,
          tokens: { [chain.chainId]: tokens },
        })
        say('starting billing on the backlog')
        const billing = await startBilling(settings)
        try {
          const seconds = await timeUntilCredited(sql, billing.gatesSince)
          return describe(seconds, bareSeconds, billing.peakMegabytes(), await billing.rpcRequests(), blocks)
        } finally {
          await billing.stop()
        }
      } finally {
        await sql.end({ timeout: 1 })
        await chain.stop()
      }
    }),
}

async function timeUntilCredited(
  sql: ReturnType<typeof connect>,
  gatesSince: () => number | null,
): Promise<number> {
  await waitUntil(
    async () => {
      const [row] = await sql<{ credited: bigint }[]>`
        select count(*) as credited from credits.deposit where state = 'credited'`
      return row?.credited === BigInt(DEPOSITS)
    },
    { withinMs: 300_000, what: `${DEPOSITS} credits`, everyMs: 100 },
  )
  const since = gatesSince()
  if (since === null) throw new Error('billing credited before it logged that it gates')
  return (performance.now() - since) / 1000
}

function describe(
  seconds: number,
  bareSeconds: number,
  peakMegabytes: number,
  requests: number,
  blocks: PaidBlock[],
) {
  const value = DEPOSITS / seconds
  const baseline = DEPOSITS / bareSeconds
  const perDeposit = requests / DEPOSITS
  const single = { p50Ms: null, p99Ms: null }
  return {
    measurements: {
      backlog_credited_per_second: {
        value,
        unit: 'deposits/s',
        baseline,
        ratio: value / baseline,
        ...single,
      },
      backlog_peak_memory: {
        value: peakMegabytes,
        unit: 'MB',
        baseline: 300,
        ratio: peakMegabytes / 300,
        ...single,
      },
      backlog_rpc_requests_per_deposit: {
        value: perDeposit,
        unit: 'requests',
        baseline: 1,
        ratio: perDeposit,
        ...single,
      },
    },
    remarks: [
      `Baseline of the first: the same ${blocks.length} blocks read by bare fetch (receipts, transactions, balances), nothing`,
      'checked or written. Baseline of the others: the targets, 300 MB and one request per deposit. The limit is one thread that',
      'parses and checks receipts, then the writes. Payments by contracts are traced; there the node is the limit.',
    ],
  }
}
