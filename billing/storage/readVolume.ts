import type { Sql, Transaction } from '../database/connect.ts'
import type { StorageRate } from './storageRate.ts'
import type { VolumeState, VolumeView } from './volumeView.ts'

type Row = Omit<VolumeView, 'state'> & { debtPercent: number }

/** Reads a volume, also a deleted one; null when none was ever reported by that id. Its state follows the owner's balance of now. */
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
