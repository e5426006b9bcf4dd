import type { Setting } from './setting.ts'
import type { SettingFault } from './settingFault.ts'

/** `value` is undefined where nothing of the setting is usable; `faults` tells whether and why it is refused. */
export interface SettingReading<T> {
  value: T | undefined
  faults: SettingFault[]
}

/**
 * Reads one row of the table from the environment: trims, takes empty for unset, fills in the default. `chainId` stands
 * in for `<chainId>` in the variable's name.
 */
export function readSetting<T>(
  row: Setting<T>,
  env: Record<string, string | undefined>,
  chainId?: number,
): SettingReading<T> {
  const variable = variableOf(row, chainId)
  const given = (env[variable] ?? '').trim()
  const defaultText = (chainId === undefined ? undefined : row.defaultTextByChain[chainId]) ?? row.defaultText
  const text = given === '' ? defaultText : given
  if (text === null) {
    if (row.absent !== null) return { value: row.absent.value, faults: [] }
    return { value: undefined, faults: [{ variable, was: 'not set', why: null, mayBe: row.shape.mayBe }] }
  }
  const parsed = row.shape.parse(text)
  if (parsed.ok) return { value: parsed.value, faults: [] }
  const fault = { variable, was: describeGiven(row, text), why: parsed.why, mayBe: row.shape.mayBe }
  return { value: parsed.salvaged, faults: [fault] }
}

/** The name of a row's environment variable. */
export function variableOf(row: { variable: string }, chainId?: number): string {
  return chainId === undefined ? row.variable : row.variable.replace('<chainId>', String(chainId))
}

/** What a setting was, fit for printing: quoted and cut short, or only that it is secret. */
export function describeGiven(row: { secret: boolean }, text: string): string {
  if (row.secret) return 'set (secret, not shown)'
  // A URL pasted into the wrong variable may carry a password.
  const shown = text.replace(/\/\/[^/@]*@/g, '//…@')
  return JSON.stringify(shown.length > 120 ? `${shown.slice(0, 120)}…` : shown)
}
