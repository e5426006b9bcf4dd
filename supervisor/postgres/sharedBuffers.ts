const MEGABYTE = 1024 * 1024
/** PostgreSQL's own default. */
const FEWEST_MB = 128
/** What a hundred thousand live desktops spread over a million accounts touch, and some room. */
const MOST_MB = 2_048
/** PostgreSQL's usual quarter is for a machine of its own; indexer, billing and a browser's page are on this one too. */
const SHARE = 8

/**
 * How much memory the embedded PostgreSQL keeps pages in, as its setting wants it: an eighth of what there is, from 128 MB to
 * 2 GB. Measured with a million accounts in place: with 128 MB, heartbeats in batches cost a third more than with 2 GB.
 *
 * @param totalBytes the machine's memory
 * @param constrainedBytes what a container leaves of it; 0 or more than there is where nothing is constrained
 */
export function sharedBuffers(totalBytes: number, constrainedBytes: number): string {
  const bytes = constrainedBytes > 0 ? Math.min(totalBytes, constrainedBytes) : totalBytes
  const megabytes = Math.floor(bytes / SHARE / MEGABYTE)
  return `${Math.min(Math.max(megabytes, FEWEST_MB), MOST_MB)}MB`
}
