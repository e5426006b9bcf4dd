import type { Address } from 'viem'
import type { Sql, Transaction } from '../database/connect.ts'
import { insertVolumeDebt } from '../events/outbox.ts'
import { accrueWhatFits, type StorageRate } from './accrueStorage.ts'

/**
 * Stores a volume's owner and size as reported. Idempotent. Up to this moment the volume is billed at the size it had; a
 * deleted one begins anew, with the owner that is reported now.
 */
export async function putVolume(
  sql: Sql,
  rate: StorageRate,
  { id, account, sizeBytes }: { id: string; account: Address; sizeBytes: bigint },
): Promise<PutVolumeResult> {
  return sql.begin(async (tx) => {
    await openMeter(tx, account)
    await accrueWhatFits(tx, rate, account)
    const [known] = await tx`select 1 from credits.volume where id = ${id} and deleted_at is null`
    const stored = await tx`
      insert into credits.volume as v (id, account, size_bytes, billed_idle_micros, created_at, sized_at)
      select ${id}, m.account, ${sizeBytes.toString()}, credits.plan_idle(m.idle_micros, m.idle_since, t.now), t.now, t.now
      from credits.meter m, (select credits.metering_now() as now) t where m.account = ${account}
      on conflict (id) do update set size_bytes = excluded.size_bytes, account = excluded.account, deleted_at = null,
        billed_idle_micros = case when v.deleted_at is null then v.billed_idle_micros else excluded.billed_idle_micros end,
        sized_at = case when v.deleted_at is null and v.size_bytes = excluded.size_bytes then v.sized_at
          else excluded.sized_at end
      where v.account = excluded.account or v.deleted_at is not null
      returning v.id`
    if (stored.length === 0) return { kind: 'conflict' }
    if (known === undefined) await tellDebt(tx, id)
    const volume = await readVolume(tx, rate, id)
    if (volume === null) throw new Error(`volume ${id} vanished while it was stored`)
    return { kind: 'stored', volume }
  })
}

/** A volume new to an account in debt gets the events that the others got when the debt rose. */
async function tellDebt(tx: Transaction, id: string): Promise<void> {
  await tx`
    with told as (
      select v.id, v.account, v.size_bytes, step as debt_percent
      from credits.volume v
      join credits.meter m on m.account = v.account
      cross join unnest(array[50, 80, 100]) as step
      where v.id = ${id} and step <= m.debt_percent
    )
    ${insertVolumeDebt(tx, tx`told order by debt_percent`)}`
}

/** The account first, then its meter: the order in which everything locks them. */
async function openMeter(tx: Transaction, account: Address): Promise<void> {
  await tx`insert into credits.account (address) values (${account}) on conflict do nothing`
  await tx`
    insert into credits.meter (account, idle_since) values (${account}, credits.metering_now()) on conflict do nothing`
}

/** Bills a volume up to this moment and marks it deleted. Idempotent; null if no volume was ever reported under that id. */
export async function deleteVolume(sql: Sql, rate: StorageRate, id: string): Promise<VolumeView | null> {
  return sql.begin(async (tx) => {
    const [owner] = await tx<{ account: string }[]>`
      select account from credits.volume where id = ${id} and deleted_at is null`
    if (owner !== undefined) {
      await accrueWhatFits(tx, rate, owner.account)
      await tx`
        update credits.volume set deleted_at = credits.metering_now()
        where id = ${id} and account = ${owner.account} and deleted_at is null`
    }
    return readVolume(tx, rate, id)
  })
}

type Row = Omit<VolumeView, 'state'> & { debtPercent: number }

/**
 * Reads a volume, even a deleted one; null if none was ever reported under that id. Its state follows the owner's present
 * balance.
 */
export async function readVolume(
  sql: Sql | Transaction,
  { debtLimitMicros }: StorageRate,
  id: string,
): Promise<VolumeView | null> {
  const [row] = await sql<Row[]>`
    select v.id, v.account, v.size_bytes as "sizeBytes", v.total_billed_micros as "totalBilledMicros",
      v.deleted_at as "deletedAt",
      credits.plan_debt_percent(a.balance_micros - m.unposted_micros, ${debtLimitMicros}) as "debtPercent"
    from credits.volume v
    join credits.meter m on m.account = v.account
    join credits.account a on a.address = v.account
    where v.id = ${id}`
  if (row === undefined) return null
  const { debtPercent, ...volume } = row
  return { ...volume, state: stateOf(debtPercent) }
}

function stateOf(debtPercent: number): VolumeState {
  if (debtPercent >= 100) return 'prune_due'
  return debtPercent > 0 ? 'warned' : 'active'
}

/** Lists an account's stored volumes in order of their ids, at most `limit` of them, without deleted ones. */
export async function listVolumes(
  sql: Sql,
  rate: StorageRate,
  account: Address,
  { limit }: { limit: number },
): Promise<VolumeView[]> {
  const rows = await sql<{ id: string }[]>`
    select id from credits.volume where account = ${account} and deleted_at is null order by id limit ${limit}`
  const volumes = await Promise.all(rows.map(({ id }) => readVolume(sql, rate, id)))
  // A volume may have been deleted, or changed owners, since its id was read.
  return volumes.flatMap((volume) =>
    volume === null || volume.account !== account || volume.deletedAt !== null ? [] : [volume],
  )
}

/** `warned` from half the debt limit on; `prune_due` at the limit. The operator's system deletes a volume, billing never does. */
export type VolumeState = 'active' | 'warned' | 'prune_due'

/** A stored volume as callers see it. */
export interface VolumeView {
  id: string
  account: Address
  sizeBytes: bigint
  state: VolumeState
  /** What it has cost so far. */
  totalBilledMicros: bigint
  deletedAt: Date | null
}

/** What became of a report. `conflict`: the id is a stored volume of another wallet. */
export type PutVolumeResult = { kind: 'stored'; volume: VolumeView } | { kind: 'conflict' }
