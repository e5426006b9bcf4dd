import { connect } from '../billing/database/connect.ts'
import { startAnvil } from '../demo/startAnvil.ts'
import { openStand, type Stand, type StandOptions } from './openStand.ts'
import { startBare } from './startBare.ts'
import { withDatabase } from './withDatabase.ts'

const SESSIONS = 20_000
/** Enough for each of two callers to have its own batch. */
const MIN_SESSIONS = 2_000
const REVENUE = '0x00000000000000000000000000000000000000ee'

/** Opens stands, and names the processes beside them. */
export interface Ground {
  /** Live sessions of each stand. */
  sessions: number
  serverPid: number
  barePid: number
  /** Opens a stand on a database of its own on the one server. */
  open(name: string, options: Pick<StandOptions, 'accounts' | 'entriesPerAccount'>): Promise<Stand>
}

/** Runs work beside a fresh PostgreSQL, an idle chain and a bare HTTP server; stops them and all stands after it. */
export function withStands<Value>(
  { scale, say }: { scale: number; say: (text: string) => void },
  work: (ground: Ground) => Promise<Value>,
): Promise<Value> {
  return withDatabase(async (serverUrl, serverPid) => {
    const steps = Math.round((SESSIONS * scale) / MIN_SESSIONS)
    const sessions = Math.max(1, steps) * MIN_SESSIONS
    const anvil = await startAnvil()
    const bare = await startBare()
    const stands: Stand[] = []
    try {
      const chain = { chainId: anvil.chainId, rpcUrl: anvil.rpcUrl, accounts: { revenue: REVENUE } }
      return await work({
        sessions,
        serverPid,
        barePid: bare.pid,
        async open(name, options) {
          const databaseUrl = await createDatabase(serverUrl, name)
          const stand = await openStand({ databaseUrl, chain, bareUrl: bare.url, sessions, say, ...options })
          stands.push(stand)
          return stand
        },
      })
    } finally {
      for (const stand of stands) await stand.stop()
      await bare.stop()
      await anvil.stop()
    }
  })
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const sql = connect(serverUrl, { max: 1, applicationName: 'bench' })
  try {
    await sql`create database ${sql(name)}`
  } finally {
    await sql.end({ timeout: 1 })
  }
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
