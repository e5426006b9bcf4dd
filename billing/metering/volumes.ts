import type { Address } from 'viem'
import type { Sql, Transaction } from '../database/connect.ts'
import { accrueWhatFits } from '../storage/accrueWhatFits.ts'
import { readVolume } from '../storage/readVolume.ts'
import type { StorageRate } from '../storage/storageRate.ts'
import type { PutVolumeResult } from '../storage/volumeView.ts'

/**
 * Reports a volume's owner and size. Idempotent. Up to this moment it is billed at the size it had; a deleted one begins
 * anew, with whoever reports it now.
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
      insert into credits.volume as v (id, account, size_bytes, billed_idle_micros, created_at)
      select ${id}, m.account, ${sizeBytes.toString()}, credits.plan_idle(m.idle_micros, m.idle_since, t.now), t.now
      from credits.meter m, (select credits.metering_now() as now) t where m.account = ${account}
      on conflict (id) do update set size_bytes = excluded.size_bytes, account = excluded.account, deleted_at = null,
        billed_idle_micros = case when v.deleted_at is null then v.billed_idle_micros else excluded.billed_idle_micros end
      where v.account = excluded.account or v.deleted_at is not null
      returning v.id`
    if (stored.length === 0) return { kind: 'conflict' }
    if (known === undefined) await tellDebt(tx, id)
    const volume = await readVolume(tx, rate, id)
    if (volume === null) throw new Error(`volume ${id} vanished while it was stored`)
    return { kind: 'stored', volume }
  })
}

/** A volume that comes to an account in debt is told what those that were there were told when the debt rose. */
async function tellDebt(tx: Transaction, id: string): Promise<void> {
  await tx`
    insert into credits.outbox_event (kind, account, payload)
    select case step when 100 then 'volume.prune_due' else 'volume.debt_warning' end, v.account,
      jsonb_build_object('id', v.id, 'wallet', v.account, 'sizeBytes', v.size_bytes::text, 'debtPercent', step)
    from credits.volume v
    join credits.meter m on m.account = v.account
    cross join unnest(array[50, 80, 100]) as step
    where v.id = ${id} and step <= m.debt_percent
    order by step`
}

/** The account first, then its meter: the order in which everybody locks them. */
async function openMeter(tx: Transaction, account: Address): Promise<void> {
  await tx`insert into credits.account (address) values (${account}) on conflict do nothing`
  await tx`
    insert into credits.meter (account, idle_since) values (${account}, credits.metering_now()) on conflict do nothing`
}
