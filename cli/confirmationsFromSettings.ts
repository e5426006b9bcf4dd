import { formatFaults } from '../billing/config/parseSettings.ts'
import { readSetting } from '../billing/config/setting.ts'
import { chainSettings, settings } from '../billing/config/settings.ts'
import { BadSettings } from './badSettings.ts'

/**
 * The confirmations that a chain's deposits need, from `CONFIRMATIONS` and `CONFIRMATIONS_<chainId>` alone: a command that
 * only reads what is recorded needs no chain's other settings.
 */
export function confirmationsFromSettings(
  env: Record<string, string | undefined>,
): (chainId: number) => number {
  return (chainId) => {
    const own = readSetting(chainSettings.confirmations, env, chainId)
    const common = readSetting(settings.confirmations, env)
    const faults = [...own.faults, ...common.faults]
    const confirmations = own.value ?? common.value
    if (faults.length > 0 || confirmations === undefined) throw new BadSettings(formatFaults(faults))
    return confirmations
  }
}
