import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

const MAX_TOKENS = 1_000
const MAX_DEPTH = 8
const MAX_ALIASES = 20
/** Fields after fragments are put in; the introspection query of the usual tools has about 250. */
const MAX_FIELDS = 500

/** What a selection costs once its fragments are put in. */
interface Weight {
  depth: number
  fields: number
  aliases: number
}

/**
 * Says why a GraphQL query is refused before it reaches the indexer, or null. Fragments are counted wherever they are
 * used, so one alias in a fragment spread twenty times is twenty. `ofType` adds no depth: it leads through the type
 * wrappers of an introspection query and can not multiply.
 */
export function checkGraphqlQuery(query: string): string | null {
  let document: DocumentNode
  try {
    // The token limit also bounds how deep the parser recurses.
    document = parse(query, { maxTokens: MAX_TOKENS, noLocation: true })
  } catch {
    return `does not parse, or has more than ${MAX_TOKENS} tokens`
  }
  const weigh = weigher(document)
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) continue
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== 'query') {
      return 'is not a query'
    }
    const weight = weigh(definition.selectionSet)
    if (weight === null) return 'has a fragment that contains itself'
    if (weight.depth > MAX_DEPTH) return `is deeper than ${MAX_DEPTH}`
    if (weight.aliases > MAX_ALIASES) return `has more than ${MAX_ALIASES} aliases`
    if (weight.fields > MAX_FIELDS) return `has more than ${MAX_FIELDS} fields`
  }
  return null
}

/** Weighs selections; null when a fragment contains itself. Each fragment is weighed once, whatever its uses. */
function weigher(document: DocumentNode): (selectionSet: SelectionSetNode) => Weight | null {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }
  const weighed = new Map<string, Weight | null>()

  const weighFragment = (name: string): Weight | null => {
    const known = weighed.get(name)
    if (known !== undefined) return known
    weighed.set(name, null) // Met again before it is done, it contains itself.
    const fragment = fragments.get(name)
    const weight = fragment ? weighSet(fragment.selectionSet) : { depth: 0, fields: 0, aliases: 0 }
    weighed.set(name, weight)
    return weight
  }

  const weighSelection = (selection: SelectionNode): Weight | null => {
    switch (selection.kind) {
      case Kind.FRAGMENT_SPREAD:
        return weighFragment(selection.name.value)
      case Kind.INLINE_FRAGMENT:
        return weighSet(selection.selectionSet)
      case Kind.FIELD: {
        const below = selection.selectionSet
          ? weighSet(selection.selectionSet)
          : { depth: 0, fields: 0, aliases: 0 }
        return (
          below && {
            depth: below.depth + (selection.name.value === 'ofType' ? 0 : 1),
            fields: below.fields + 1,
            aliases: below.aliases + (selection.alias ? 1 : 0),
          }
        )
      }
    }
  }

  const weighSet = (selectionSet: SelectionSetNode): Weight | null => {
    const sum: Weight = { depth: 0, fields: 0, aliases: 0 }
    for (const selection of selectionSet.selections) {
      const weight = weighSelection(selection)
      if (weight === null) return null
      sum.depth = Math.max(sum.depth, weight.depth)
      sum.fields += weight.fields
      sum.aliases += weight.aliases
    }
    return sum
  }

  return weighSet
}
