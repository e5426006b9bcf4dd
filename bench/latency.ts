import { parseEther } from 'viem'
import { connect, type Sql } from '../billing/database/connect.ts'
import { INDEXER_VIEWS } from '../billing/gate/readCandidates.ts'
import { compileContracts } from '../demo/compileContracts.ts'
import { baseSettings } from '../test/support/baseSettings.ts'
import { createChain, type TestChain } from '../test/support/createChain.ts'
import { startService } from '../test/support/startService.ts'
import { waitUntil } from '../test/support/waitUntil.ts'
import { type Benchmark, percentile } from './benchmark.ts'
import { withDatabase } from './withDatabase.ts'

const DEPOSITS = 50
const CONFIRMATIONS = 6

/** The time from the block that makes a deposit six confirmations deep until its entry is committed. */
export const latency: Benchmark = {
  name: 'latency',
  summary: `from the sixth block to the committed entry, over ${DEPOSITS} deposits (RPC by http and ws)`,
  run: (say) =>
    withDatabase(async (databaseUrl) => {
      const chain = await createChain({ contracts: compileContracts(['demo/contracts/Token.sol']) })
      const settings = await baseSettings({
        chains: [chain],
        databaseUrl,
        rpcUrls: { [chain.chainId]: `${chain.rpcUrl},${chain.wsUrl}` },
        overrides: { POLL_INTERVAL_MS: '1000' },
      })
      const service = await startService(settings)
      const sql = connect(databaseUrl, { max: 4, applicationName: 'bench' })
      try {
        const { entryMs, notifyMs } = await measure(chain, sql, say)
        const value = percentile(entryMs, 0.5)
        const baseline = percentile(notifyMs, 0.5)
        return {
          measurements: {
            sixth_block_to_entry: {
              value,
              unit: 'ms (median)',
              baseline,
              ratio: value / baseline,
              p50Ms: value,
              p99Ms: percentile(entryMs, 0.99),
            },
          },
          remarks: [
            'Baseline: until the indexer has committed its rows of that block and notified. The difference is the proof:',
            'head, receipt, trace and balance on the RPC, then one transaction. On a real chain, the RPC round trips dominate.',
          ],
        }
      } finally {
        await sql.end({ timeout: 1 })
        await service.stop()
        await chain.stop()
      }
    }),
}

async function measure(chain: TestChain, sql: Sql, say: (text: string) => void) {
  let notifiedAt = 0
  await sql.listen(`${INDEXER_VIEWS}_live_query`, () => {
    notifiedAt ||= performance.now()
  })
  const entryMs: number[] = []
  const notifyMs: number[] = []
  for (let done = 0; done < DEPOSITS; done++) {
    const { hashes } = await chain.mineWith(
      chain.transferEth({ from: chain.accounts.buyer, value: parseEther('0.0005') }),
    )
    const head = await chain.mine(CONFIRMATIONS - 2)
    await waitUntil(() => isReadAt(sql, chain.chainId, head.number), {
      withinMs: 20_000,
      what: 'five confirmations to be read',
      everyMs: 5,
    })
    notifiedAt = 0
    await chain.client.mine({ blocks: 1 })
    const minedAt = performance.now()
    await waitUntil(() => isPosted(sql, chain.chainId, hashes[0] ?? '0x'), {
      withinMs: 20_000,
      what: 'the entry',
      everyMs: 1,
    })
    entryMs.push(performance.now() - minedAt)
    if (notifiedAt > 0) notifyMs.push(Math.max(notifiedAt - minedAt, 0.1))
    if ((done + 1) % 10 === 0) say(`${done + 1} of ${DEPOSITS} deposits`)
  }
  return { entryMs, notifyMs }
}

async function isReadAt(sql: Sql, chainId: number, head: bigint): Promise<boolean> {
  const [row] = await sql<{ read: boolean }[]>`
    select s.head_number >= ${head.toString()} as read from credits.chain_status s where chain_id = ${chainId}`
  return row?.read === true
}

async function isPosted(sql: Sql, chainId: number, txHash: string): Promise<boolean> {
  const rows = await sql`
    select 1 from credits.deposit where chain_id = ${chainId} and tx_hash = ${txHash} and state = 'credited'`
  return rows.length > 0
}
