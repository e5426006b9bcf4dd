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
import { buildPanel, panelFolder } from '../../supervisor/panel/buildPanel.ts'
import { contractPaths } from './contractPaths.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A database on the run's PostgreSQL from which tests make and drop theirs. */
    adminDatabaseUrl: string
    /** A migrated database that nobody connects to, copied for each test that wants one. */
    templateDatabase: string
    contracts: Record<string, ContractArtifact>
    /** Why there is no page of these sources; null when there is one in `panel/dist`. */
    panelFault: string | null
  }
}

/** Once for a whole run: one PostgreSQL, one migrated template, one compilation of the contracts, one build of the page. */
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
    project.provide('panelFault', await tryBuildPanel())
  } catch (error) {
    await tearDown()
    throw error
  }
  return tearDown
}

/** Nothing to do where it is up to date. A page that does not build fails the tests that look at it, not all others. */
async function tryBuildPanel(): Promise<string | null> {
  try {
    const result = await buildPanel({ mode: 'production', folder: panelFolder })
    return result.kind === 'impossible' ? result.why : null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function databaseAt(url: string, database: string): string {
  const at = new URL(url)
  at.pathname = `/${database}`
  return at.href
}
