import type { Context } from 'hono'
import type { Address } from 'viem'
import type { PageRequest } from '../database/page.ts'
import type { AppDeps } from './appDeps.ts'
import { EntrySchema, entryJson } from './entryJson.ts'
import { BalanceSchema, balanceJson } from './json/accountJson.ts'
import { DepositSchema, depositJson } from './json/depositJson.ts'
import { SessionSchema, sessionJson } from './json/sessionJson.ts'
import { pageJson, pageSchema } from './pageJson.ts'
import { problem } from './problem.ts'

const BAD_CURSOR = 'The cursor is not of this list.'

const answers = {
  balance: { schema: BalanceSchema, description: 'The balance.' },
  deposits: { schema: pageSchema(DepositSchema), description: 'One page.' },
  ledger: { schema: pageSchema(EntrySchema), description: 'One page.' },
  sessions: { schema: pageSchema(SessionSchema), description: 'One page.' },
}

/**
 * What is read of one account, the same for the wallet itself and for the service: the answers, and in `declared` the
 * responses of their routes. An address never seen has balance 0 and empty lists.
 */
export function accountReads({
  metering,
  deposits,
  ledger,
}: Pick<AppDeps, 'metering' | 'deposits' | 'ledger'>) {
  return {
    declared: {
      balance: declare(answers.balance),
      deposits: declare(answers.deposits),
      ledger: declare(answers.ledger),
      sessions: declare(answers.sessions),
    },
    async balance(c: Context, address: Address) {
      return c.json(balanceJson(await metering.readAccount(address)), 200)
    },
    async deposits(c: Context, address: Address, request: PageRequest) {
      const page = await deposits.listByPayer(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, depositJson), 200)
    },
    async ledger(c: Context, address: Address, request: PageRequest) {
      const page = await ledger.listEntries(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, entryJson), 200)
    },
    async sessions(c: Context, address: Address, request: PageRequest) {
      const page = await metering.listSessions(address, request)
      if (page.kind === 'bad_cursor') return problem(c, 'invalid_request', BAD_CURSOR)
      return c.json(pageJson(page, sessionJson), 200)
    },
  }
}

function declare<Schema>({ schema, description }: { schema: Schema; description: string }) {
  return { 200: { description, content: { 'application/json': { schema } } } }
}
