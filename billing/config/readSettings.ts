import { readSetting, type Setting, type SettingFault } from './setting.ts'
import { chainSettings, settings } from './settings.ts'

type Table = Record<string, Setting<unknown>>
type Env = Record<string, string | undefined>
type Values<Rows extends Table> = {
  [Name in keyof Rows]: Rows[Name] extends Setting<infer Value> ? Value | undefined : never
}

/** The global rows of the table as read; undefined where a setting is faulty. */
export type SettingValues = Values<typeof settings>

/** One chain's rows of the table as read; undefined where a setting is faulty. */
export type ChainSettingValues = Values<typeof chainSettings> & { chainId: number }

/** What the rules between settings judge. */
export interface SettingsReading {
  values: SettingValues
  /** The chains named by `RAILS`, in the order of their first mention. */
  chains: ChainSettingValues[]
  faults: SettingFault[]
}

/** Reads every row of the table, and those of every chain that `RAILS` names, even if other entries of `RAILS` are faulty. */
export function readSettings(env: Env): SettingsReading {
  const global = readTable(settings, env)
  const chainIds = new Set((global.values.rails ?? []).map(({ chainId }) => chainId))
  const chains = [...chainIds].map((chainId) => ({ chainId, ...readTable(chainSettings, env, chainId) }))
  return {
    values: global.values,
    chains: chains.map(({ chainId, values }) => ({ chainId, ...values })),
    faults: [...global.faults, ...chains.flatMap(({ faults }) => faults)],
  }
}

function readTable<Rows extends Table>(
  rows: Rows,
  env: Env,
  chainId?: number,
): { values: Values<Rows>; faults: SettingFault[] } {
  const readings = Object.entries(rows).map(([name, row]) => ({ name, ...readSetting(row, env, chainId) }))
  return {
    // Each name is read by its own row, so each value has its row's type; Object.entries cannot say so.
    values: Object.fromEntries(readings.map(({ name, value }) => [name, value])) as Values<Rows>,
    faults: readings.flatMap(({ faults }) => faults),
  }
}
