import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolder } from '../demo/removeFolder.ts'
import { startEmbeddedPostgres } from '../supervisor/embeddedPostgres.ts'

/** Runs work on a fresh embedded PostgreSQL in a temporary folder, and leaves nothing behind. */
export async function withDatabase<Value>(
  work: (databaseUrl: string, serverPid: number) => Promise<Value>,
): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), 'credits-bench-'))
  // When run as root, PostgreSQL runs as another user, who must be able to enter.
  await chmod(folder, 0o755)
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
  try {
    return await work(server.url, server.pid)
  } finally {
    await server.stop()
    await removeFolder(folder)
  }
}
