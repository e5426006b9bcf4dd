import { rm } from 'node:fs/promises'

/**
 * Removes a temporary folder and its contents. Retries for some seconds: a database that was told to stop, or whose
 * supervisor was killed, may still be writing its last files.
 */
export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
