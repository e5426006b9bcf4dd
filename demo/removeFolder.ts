import { rm } from 'node:fs/promises'

/**
 * Removes a temporary folder with all that is in it. Patient for some seconds: a database that was told to stop, or whose
 * keeper was killed, may still write its last files while we delete.
 */
export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
