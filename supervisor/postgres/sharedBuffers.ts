const MEGABYTE = 1024 * 1024
/** PostgreSQL's own default. */
const MIN_MB = 128
/** The pages that a hundred thousand live desktops spread over a million accounts touch, with some headroom. */
const MAX_MB = 2_048
/** PostgreSQL's usual quarter assumes a dedicated machine; the indexer and billing run on this one too. */
const MEMORY_DIVISOR = 8

/**
 * The value of the embedded PostgreSQL's `shared_buffers`: an eighth of the available memory, from 128 MB to 2 GB.
 * Measured with a million accounts: with 128 MB, heartbeats in batches cost a third more than with 2 GB.
 *
 * @param totalBytes the machine's memory
 * @param constrainedBytes the container's limit; 0, or more than `totalBytes`, if there is none
 */
export function sharedBuffers(totalBytes: number, constrainedBytes: number): string {
  const bytes = constrainedBytes > 0 ? Math.min(totalBytes, constrainedBytes) : totalBytes
  const megabytes = Math.floor(bytes / MEMORY_DIVISOR / MEGABYTE)
  return `${Math.min(Math.max(megabytes, MIN_MB), MAX_MB)}MB`
}
