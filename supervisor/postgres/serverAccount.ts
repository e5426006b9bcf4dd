import { spawnSync } from 'node:child_process'

/** The uid and gid that PostgreSQL runs as; empty when they are our own. */
export type ServerAccount = { uid: number; gid: number } | { uid?: never; gid?: never }

/** `nobody` on every system: PostgreSQL refuses to run as root, so a service started by root runs it as this. */
const NOBODY = 65534

/** The account that PostgreSQL runs as: our own, or `nobody` when we are root. Spread it into `spawn` options. */
export function serverAccount(): ServerAccount {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
}

/**
 * Whether that account can enter a folder (or run a file). Determined by trying, because mode bits alone say nothing
 * about parent folders, access lists or mount options.
 */
export function canEnter(path: string, account: ServerAccount): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], { ...account, cwd: '/', stdio: 'ignore' })
  return probe.status === 0
}
