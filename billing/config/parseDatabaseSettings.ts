import { resolve } from 'node:path'
import type { Config } from './config.ts'
import { readSetting } from './readSetting.ts'
import type { SettingFault } from './settingFault.ts'
import { settings } from './settings.ts'

/**
 * Reads only what leads to the database, for commands that ask nothing of a chain and so need no chain's settings.
 * `databaseUrl` null: the embedded PostgreSQL under `dataDir`, which is absolute.
 */
export function parseDatabaseSettings(
  env: Record<string, string | undefined>,
): { ok: true; settings: Pick<Config, 'databaseUrl' | 'dataDir'> } | { ok: false; faults: SettingFault[] } {
  const databaseUrl = readSetting(settings.databaseUrl, env)
  const dataDir = readSetting(settings.dataDir, env)
  if (databaseUrl.value === undefined || dataDir.value === undefined) {
    return { ok: false, faults: [...databaseUrl.faults, ...dataDir.faults] }
  }
  return { ok: true, settings: { databaseUrl: databaseUrl.value, dataDir: resolve(dataDir.value) } }
}
