import { parseArgs } from 'node:util'

const roles = ['all', 'indexer', 'api', 'worker'] as const
/** Which parts of the service run here. */
export type Role = (typeof roles)[number]

export type Arguments = { kind: 'run'; role: Role } | { kind: 'help' } | { kind: 'wrong'; why: string }

/** Reads the command line of `npm start`. */
export function parseArguments(args: string[]): Arguments {
  try {
    const { values } = parseArgs({
      args,
      options: {
        role: { type: 'string', default: 'all' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return { kind: 'help' }
    const role = roles.find((candidate) => candidate === values.role)
    if (!role) return { kind: 'wrong', why: `--role is '${values.role}'. It may be ${roles.join(', ')}.` }
    return { kind: 'run', role }
  } catch (error) {
    return { kind: 'wrong', why: error instanceof Error ? error.message : String(error) }
  }
}

/** What `npm start -- --help` prints. */
export const HELP = `Runs the service from its settings (environment, or .env in this folder). Ctrl-C or SIGTERM stops it.

Usage: npm start [-- --role ROLE]

  --role all       everything on one machine (default); with an empty DATABASE_URL also its own PostgreSQL
  --role indexer   the indexer alone; serves GraphQL on HOST and PORT for the others' INDEXER_URL
  --role api       the HTTP API alone; any number of them behind a load balancer
  --role worker    finality gate and accrual alone; of several one works, the others stand by
  --help           this text

Exit codes: 0 stopped when told, 1 could not run, 64 wrong arguments, 78 wrong settings.
All settings are described in .env.example.`
