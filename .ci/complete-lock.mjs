// Adds to package-lock.json the optional platform builds that npm leaves out when a registry does not serve them.
// Without these entries `npm ci` refuses the lock that npm itself wrote ("Missing: … from lock file").
// Then asks the registry for the hash of every entry that has none, so that nothing is installed unchecked anywhere.
// Run after `npm install`: node .ci/complete-lock.mjs
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'

const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'))
const cpus = {
  amd64: 'x64',
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
}
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'openharmony', 'win32']

const added = []
for (const [where, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const beside = where === '' ? '' : `${where}/`
    // node's resolution: nested first, then each enclosing node_modules
    const places = [`${beside}node_modules/${name}`]
    for (let at = where; at.includes('node_modules'); ) {
      at = at.slice(0, at.lastIndexOf('node_modules'))
      places.push(`${at}node_modules/${name}`)
    }
    if (places.some((place) => lock.packages[place])) continue
    const words = name.split(/[-/]/)
    const os = systems.find((system) => words.includes(system))
    const cpu = Object.keys(cpus).find((key) => words.includes(key))
    if (!os || !cpu) continue
    const place = `node_modules/${name}`
    lock.packages[place] = {
      version,
      ...(where && lock.packages[where].dev ? { dev: true } : {}),
      cpu: [cpus[cpu]],
      optional: true,
      os: [os],
    }
    added.push(place)
  }
}
const unknown = []
for (const [place, entry] of Object.entries(lock.packages)) {
  if (place === '' || entry.link || entry.integrity) continue
  const name = entry.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  try {
    const args = ['view', `${name}@${entry.version}`, 'dist.integrity', 'license', '--json']
    const said = JSON.parse(
      execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
    entry.integrity = said['dist.integrity']
    if (said.license) entry.license ??= said.license
  } catch {
    unknown.push(`${name}@${entry.version}`)
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
fs.writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length === 0 ? 'package-lock.json is complete' : `added:\n${added.join('\n')}`)
if (unknown.length > 0) {
  console.error(`the registry does not tell the hash of:\n${unknown.join('\n')}`)
  process.exitCode = 1
}
