import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ASK_SIGNER_BYTECODE } from '../../../billing/chain/contracts/checkSignature.ts'

test('the code that asks contracts about signatures is what its source compiles to, for the oldest EVM in use', () => {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string }
  const path = fileURLToPath(new URL('../../../billing/chain/contracts/AskSigner.sol', import.meta.url))
  const input = {
    language: 'Solidity',
    sources: { 'AskSigner.sol': { content: readFileSync(path, 'utf8') } },
    settings: {
      evmVersion: 'london',
      optimizer: { enabled: true, runs: 1 },
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input)))
  const { object } = output.contracts['AskSigner.sol'].AskSigner.evm.bytecode
  expect(ASK_SIGNER_BYTECODE).toBe(`0x${object}`)
})
