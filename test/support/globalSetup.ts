import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../billing/database/migrate.ts'
import { type ContractArtifact, compileContracts } from '../../demo/compileContracts.ts'
import { removeFolder } from '../../demo/removeFolder.ts'
import { startEmbeddedPostgres } from '../../supervisor/embeddedPostgres.ts'
import { contractPaths } from './contractPaths.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A database on the run's PostgreSQL from which tests make and drop theirs. */
    adminDatabaseUrl: string
    /** A migrated database that nobody connects to, copied for each test that wants one. */
    templateDatabase: string
    contracts: Record<string, ContractArtifact>
  }
}

/** Once for a whole run: one PostgreSQL, one migrated template, one compilation of the contracts. */
export default async function globalSetup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'credits-test-'))
  // Run as root, PostgreSQL runs as somebody else, who must get in.
  await chmod(dataDir, 0o755)
  const server = await startEmbeddedPostgres({ dataDir: join(dataDir, 'data') })
  const tearDown = async () => {
    await server.stop()
    await removeFolder(dataDir)
  }
  try {
    const templateDatabase = `template_${randomBytes(4).toString('hex')}`
    const admin = postgres(server.url, { max: 1, onnotice: () => {} })
    await admin`create database ${admin(templateDatabase)}`
    await admin.end()
    await migrate(databaseAt(server.url, templateDatabase))

    project.provide('adminDatabaseUrl', server.url)
    project.provide('templateDatabase', templateDatabase)
    project.provide('contracts', compileContracts(contractPaths()))
  } catch (error) {
    await tearDown()
    throw error
  }
  return tearDown
}

function databaseAt(url: string, database: string): string {
  const at = new URL(url)
  at.pathname = `/${database}`
  return at.href
}
