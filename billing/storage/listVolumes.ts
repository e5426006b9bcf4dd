import type { Address } from 'viem'
import type { Sql } from '../database/connect.ts'
import { readVolume } from './readVolume.ts'
import type { StorageRate } from './storageRate.ts'
import type { VolumeView } from './volumeView.ts'

/** Lists an account's stored volumes by their ids, at most so many, without those that are deleted. */
export async function listVolumes(
  sql: Sql,
  rate: StorageRate,
  account: Address,
  { limit }: { limit: number },
): Promise<VolumeView[]> {
  const rows = await sql<{ id: string }[]>`
    select id from credits.volume where account = ${account} and deleted_at is null order by id limit ${limit}`
  const volumes = await Promise.all(rows.map(({ id }) => readVolume(sql, rate, id)))
  // One may have gone, or have another owner, since its id was read.
  return volumes.flatMap((volume) =>
    volume === null || volume.account !== account || volume.deletedAt !== null ? [] : [volume],
  )
}
