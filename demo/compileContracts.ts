import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'

/** What it takes to deploy and call a contract. */
export interface ContractArtifact {
  abi: Abi
  /** Creation code, without constructor arguments. */
  bytecode: Hex
}

/** The part of solc's standard JSON output that is requested below. */
interface SolcOutput {
  errors?: { severity: 'error' | 'warning' | 'info'; formattedMessage: string }[]
  contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
}

interface Solc {
  compile(
    input: string,
    callbacks: { import: (path: string) => { contents: string } | { error: string } },
  ): string
}

const checkout = fileURLToPath(new URL('..', import.meta.url))

/**
 * Compiles Solidity files with the solc of the npm package, so that nothing has to be installed and no artifact
 * committed. Takes a second or two: compile once per run.
 *
 * @param paths relative to the root of the checkout; imports are followed from there.
 * @returns every contract that has code, by name.
 * @throws with solc's own messages when something does not compile.
 */
export function compileContracts(paths: string[]): Record<string, ContractArtifact> {
  // Loaded on demand: it is a 9 MB program that most commands never use.
  const solc = createRequire(import.meta.url)('solc') as Solc
  const sources = Object.fromEntries(paths.map((path) => [path, { content: read(path) }]))
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  }
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (path) => ({ contents: read(path) }) }),
  ) as SolcOutput
  const errors = (output.errors ?? []).filter((error) => error.severity === 'error')
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'))

  const artifacts: Record<string, ContractArtifact> = {}
  for (const file of Object.values(output.contracts ?? {})) {
    for (const [name, contract] of Object.entries(file)) {
      const code = contract.evm.bytecode.object
      if (code !== '') artifacts[name] = { abi: contract.abi, bytecode: `0x${code}` }
    }
  }
  return artifacts
}

function read(path: string): string {
  return readFileSync(`${checkout}/${path}`, 'utf8')
}
