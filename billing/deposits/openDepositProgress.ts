import type { Address } from 'viem'
import { createWaker, workWhenWoken } from '../clock/createWaker.ts'
import type { Sql } from '../database/connect.ts'
import { groupBy } from './deposit.ts'
import { type ConfirmationsRequired, type DepositView, queryDepositViews } from './depositViews.ts'

/** If a notification is lost, a head is noticed this much later. */
const POLL_INTERVAL_MS = 1_000
/** Only the newest pending deposits of an account are followed. */
const MAX_FOLLOWED_PER_ACCOUNT = 20

/** An account's pending deposits, oldest block first, as of one look at the database. */
export interface PendingDeposits {
  /** When the look began, by `performance.now()`: it includes everything committed before. */
  lookedAt: number
  deposits: DepositView[]
}

/** The progress of pending deposits, for the accounts that are listened to. Only the latest look is kept. */
export interface DepositProgress {
  /** Resolves when it has stopped and no longer queries the database. */
  over: Promise<void>
  /**
   * Follows the account: one look at once, and one with each new head of a chain. `wake` is called after each look that
   * found pending deposits. Returns the function that unsubscribes.
   */
  subscribe(account: Address, wake: () => void): () => void
  /** null when nothing was pending at the last look. */
  latest(account: Address): PendingDeposits | null
  /** Requests a look at this account before the next head. */
  refresh(account: Address): void
}

export interface DepositProgressOptions {
  confirmationsRequired: ConfirmationsRequired
  stop: AbortSignal
  /** Called when a look fails, once until it works again. */
  onProblem: (error: unknown) => void
}

/**
 * Follows the pending deposits of all accounts with listeners in this process, until stopped: one query for all of them
 * when the gate has recorded a new head, none while there are no listeners.
 */
export async function openDepositProgress(
  sql: Sql,
  { confirmationsRequired, stop, onProblem }: DepositProgressOptions,
): Promise<DepositProgress> {
  const subscribers = new Map<Address, Set<() => void>>()
  const pending = new Map<Address, PendingDeposits>()
  const waker = createWaker()
  let unseen = new Set<Address>()
  let heads = ''
  const listening = await sql.listen('credits_heads', waker.wake, waker.wake)

  async function look(): Promise<void> {
    if (subscribers.size === 0) return
    const asked = unseen
    unseen = new Set()
    try {
      const headsNow = await readHeads(sql)
      const accounts = headsNow === heads ? [...asked] : [...subscribers.keys()]
      await follow(accounts)
      heads = headsNow
    } catch (error) {
      for (const account of asked) unseen.add(account)
      throw error
    }
  }

  async function follow(accounts: Address[]): Promise<void> {
    if (accounts.length === 0) return
    const lookedAt = performance.now()
    const found = await readPending(sql, confirmationsRequired, accounts)
    for (const account of accounts) {
      const deposits = found.get(account)
      const wakes = subscribers.get(account)
      if (deposits === undefined || wakes === undefined) {
        pending.delete(account)
        continue
      }
      pending.set(account, { lookedAt, deposits })
      for (const wake of wakes) wake()
    }
  }

  const over = workWhenWoken(look, { waker, everyMs: POLL_INTERVAL_MS, stop, onProblem }).then(() =>
    listening.unlisten().catch(() => {}),
  )

  function refresh(account: Address): void {
    unseen.add(account)
    waker.wake()
  }

  return {
    over,
    subscribe(account, wake) {
      const of = subscribers.get(account) ?? new Set()
      of.add(wake)
      subscribers.set(account, of)
      refresh(account)
      return () => {
        of.delete(wake)
        if (of.size > 0 || subscribers.get(account) !== of) return
        subscribers.delete(account)
        unseen.delete(account)
        pending.delete(account)
      }
    },
    latest: (account) => pending.get(account) ?? null,
    refresh,
  }
}

/** All heads as one text, which changes whenever a head does. */
async function readHeads(sql: Sql): Promise<string> {
  const rows = await sql<{ head: string }[]>`
    select chain_id || ':' || head_number || ':' || head_hash as head from credits.chain_status order by chain_id`
  return rows.map(({ head }) => head).join()
}

async function readPending(
  sql: Sql,
  confirmationsRequired: ConfirmationsRequired,
  accounts: Address[],
): Promise<Map<Address, DepositView[]>> {
  const views = await queryDepositViews(
    sql,
    confirmationsRequired,
    sql`
      where d.id in (
        select id from (
          select id, row_number() over (partition by payer order by block_number desc, id) as place
          from credits.deposit where state = 'pending' and payer = any(${accounts}::text[])
        ) newest where place <= ${MAX_FOLLOWED_PER_ACCOUNT})
      order by d.block_number, d.id`,
  )
  return groupBy(views, ({ payer }) => payer)
}
