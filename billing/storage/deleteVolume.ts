import type { Sql } from '../database/connect.ts'
import { accrueWhatFits } from './accrueWhatFits.ts'
import { readVolume } from './readVolume.ts'
import type { StorageRate } from './storageRate.ts'
import type { VolumeView } from './volumeView.ts'

/** Says that a volume is gone, and bills it to this moment. Idempotent; null when none was ever reported by that id. */
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
