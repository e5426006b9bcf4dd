import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** Every Solidity file there is, the demo's and the hostile ones, relative to the root of the checkout. */
export function contractPaths(): string[] {
  return ['demo/contracts', 'test/support/contracts'].flatMap((folder) =>
    readdirSync(`${checkout}/${folder}`)
      .filter((file) => file.endsWith('.sol'))
      .map((file) => `${folder}/${file}`),
  )
}
