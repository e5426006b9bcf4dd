import { formatFaults } from '../billing/config/parseSettings.ts'
import { readSetting } from '../billing/config/setting.ts'
import { settings } from '../billing/config/settings.ts'
import { webhookEndpointId } from '../billing/events/webhooks/signWebhook.ts'
import { BadSettings } from './badSettings.ts'

/** The receiver that `WEBHOOK_URL` names, by its id; of the settings, no other is read. */
export function endpointFromSettings(env: Record<string, string | undefined>): string {
  const { value: url, faults } = readSetting(settings.webhookUrl, env)
  if (url === undefined) throw new BadSettings(formatFaults(faults))
  if (url === null) throw new BadSettings('WEBHOOK_URL is not set: there is no receiver to deliver to.')
  return webhookEndpointId(url)
}
