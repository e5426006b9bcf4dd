import { signal } from '@preact/signals'
import type { Config, RailConfig } from '../api/apiTypes.ts'
import { callApi } from '../api/callApi.ts'

/** What can be paid with and for; null until the service has said so. */
export const config = signal<Config | null>(null)

/** Loads the configuration; what was loaded before stays when the service does not answer. */
export async function loadConfig(): Promise<void> {
  const answer = await callApi<Config>('/v1/config')
  if (answer.kind === 'ok') config.value = answer.value
}

/** An enabled rail by its name; undefined if it is not enabled, or while nothing is loaded. */
export function railOf(rail: string): RailConfig | undefined {
  return config.value?.rails.find((candidate) => candidate.rail === rail)
}
