import { type SettingFault, variableOf } from './setting.ts'
import { chainSettings, settings } from './settings.ts'

/** So many letters may be wrong, missing, too many or swapped with the next one. */
const MAX_LETTERS = 2
/** A shorter name is near too many others (HOST and HOME): of it one letter may be wrong. */
const MIN_LENGTH_FOR_ALL = 6

/**
 * Names every variable that looks like a misspelt setting of ours: it would be ignored, and the default be used instead. What is
 * set for a chain that RAILS does not name is no such variable. Values are never told, since keys may be among them. Pure.
 */
export function findTypos(
  env: Record<string, string | undefined>,
  chainIds: readonly number[],
): SettingFault[] {
  const global = Object.values(settings).map(({ variable }) => variable)
  const perChain = Object.values(chainSettings)
  const known = [...global, ...perChain.flatMap((row) => chainIds.map((chainId) => variableOf(row, chainId)))]
  const isOurs = (name: string) =>
    known.includes(name) || perChain.some(({ variable }) => nameOfAnyChain(variable).test(name))

  return Object.entries(env).flatMap(([name, value]) => {
    if ((value ?? '').trim() === '' || isOurs(name)) return []
    const meant = nearest(name, known) ?? withoutChain(name, chainIds) ?? ofOtherChain(name)
    if (meant === null) return []
    return [{ variable: name, was: 'set', why: 'there is no such setting', mayBe: meant, meant }]
  })
}

function nearest(name: string, known: readonly string[]): string | null {
  let best: { variable: string; letters: number } | null = null
  for (const variable of known) {
    const most = variable.length < MIN_LENGTH_FOR_ALL ? 1 : MAX_LETTERS
    if (Math.abs(variable.length - name.length) > most) continue
    // A setting in small letters is not read either.
    const letters = lettersBetween(name.toUpperCase(), variable.toUpperCase())
    if (letters <= most && letters < (best?.letters ?? Number.POSITIVE_INFINITY)) best = { variable, letters }
  }
  return best?.variable ?? null
}

/** `RPC_URL` where RAILS names chain 8453. */
function withoutChain(name: string, chainIds: readonly number[]): string | null {
  const [chainId] = chainIds
  const row = Object.values(chainSettings).find(({ variable }) => variable === `${name}_<chainId>`)
  return row === undefined || chainId === undefined ? null : variableOf(row, chainId)
}

/** `RPC_ULR_5` where RAILS does not name chain 5. */
function ofOtherChain(name: string): string | null {
  const chainId = /_(\d+)$/.exec(name)?.[1]
  if (chainId === undefined) return null
  return nearest(
    name,
    Object.values(chainSettings).map((row) => variableOf(row, Number(chainId))),
  )
}

function nameOfAnyChain(variable: string): RegExp {
  return new RegExp(`^${variable.replace('<chainId>', String.raw`\d+`)}$`)
}

/** The restricted Damerau-Levenshtein distance. */
function lettersBetween(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = current
  }
  return last[b.length] ?? 0
}
