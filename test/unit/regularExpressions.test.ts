import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

// A group that is repeated without a bound is matched step by step, and by some engines by recursion: 4 million hex digits
// against /^0x([0-9a-fA-F]{2})*$/ took 0.4 s of the one thread. Two of them nested take for ever.

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = ['billing', 'cli', 'panel', 'src', 'supervisor']

/** Whether a pattern repeats a group without an upper bound. A group in a character class, or escaped, is none. */
function repeatsGroup(pattern: string): boolean {
  const bare = pattern.replace(/\\./gs, 'e').replace(/\[[^\]]*\]/g, 'c')
  return /\)(?:[*+]|\{\d+,\})/.test(bare)
}

/** Regular expressions of a file: literals, and texts handed to RegExp. */
function patternsIn(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push(node.text)
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp') {
      for (const argument of node.arguments ?? []) {
        if (ts.isStringLiteralLike(argument) || ts.isTemplateExpression(argument))
          found.push(argument.getText())
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

test.each([
  ['/^0x([0-9a-fA-F]{2})*$/', true],
  ['/^(?:ab)+$/', true],
  ['/(a|b){3,}/', true],
  ['/((a)b)*/', true],
  ['/\\B(?=(\\d{3})+$)/g', true],
  ['/^0x[0-9a-fA-F]*$/', false],
  ['/^(a|b)$/', false],
  ['/(a|b){1,3}/', false],
  ['/\\)*[)]*/', false],
  ['/(a)?b+/', false],
])('%s repeats a group without a bound: %s', (pattern, expected) => {
  expect(repeatsGroup(pattern)).toBe(expected)
})

test('no regular expression of the product repeats a group without a bound', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(tsx?|mjs)$/.test(file))
      .map((file) => join(folder, file)),
  )
  const patterns = files.flatMap((file) =>
    patternsIn(join(checkout, file)).map((pattern) => ({ file, pattern })),
  )
  expect(patterns.length).toBeGreaterThan(50)
  const repeating = patterns.filter(({ pattern }) => repeatsGroup(pattern))
  expect(repeating.map(({ file, pattern }) => `${file}: ${pattern}`)).toEqual([])
})
