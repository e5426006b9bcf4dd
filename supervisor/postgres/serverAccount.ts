import { spawnSync } from 'node:child_process'

/** The uid and gid PostgreSQL runs as; empty when that is simply ours. */
export type ServerAccount = { uid: number; gid: number } | { uid?: never; gid?: never }

/** `nobody` on every system: PostgreSQL refuses to run as root, so a service started by root runs it as this. */
const NOBODY = 65534

/** Who PostgreSQL runs as: ourselves, or `nobody` when we are root. Spread it into `spawn` options. */
export function serverAccount(): ServerAccount {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
}

/**
 * Whether that account can enter a folder (or run a file). Asked by trying, because mode bits alone do not know about
 * the folders above, access lists or mount options.
 */
export function canEnter(path: string, account: ServerAccount): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], { ...account, cwd: '/', stdio: 'ignore' })
  return probe.status === 0
}
