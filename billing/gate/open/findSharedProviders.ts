import { z } from 'zod'
import type { RpcEndpoint } from '../../chain/rpc/rpcEndpoint.ts'

/** Two RPC URLs of a chain that seem to be one provider: their positions in the setting, from 1, and why it seems so. */
export interface SharedProvider {
  positions: [number, number]
  why: string
}

/** An RPC by its URL, with the way to ask it. */
export interface NamedRpc {
  url: string
  endpoint: RpcEndpoint
}

/**
 * Finds RPC URLs that are no second opinion: of one host, whatever port or scheme, or, behind two names, of one node as far as
 * nodes tell (its peer id, a filter made through the one and known to the other, the same client to the letter). They count as
 * two all the same, since two nodes may look like one; this is for a warning. RPCs of this machine are left out: they are run by
 * whoever reads it. Never throws.
 */
export async function findSharedProviders(rpcs: readonly NamedRpc[]): Promise<SharedProvider[]> {
  const remote = rpcs.flatMap((rpc, index) =>
    isLoopback(hostOf(rpc.url)) ? [] : [{ ...rpc, position: index + 1, host: hostOf(rpc.url) }],
  )
  const pairs = remote.flatMap((one, index) => remote.slice(index + 1).map((other) => ({ one, other })))
  // One name, or two that answer: nothing is asked where there is no pair to tell apart.
  const isAsked = pairs.some(({ one, other }) => one.host !== other.host)
  const clues = new Map(
    isAsked
      ? await Promise.all(
          remote.map(async ({ position, endpoint }) => [position, await ask(endpoint)] as const),
        )
      : [],
  )
  const found = await Promise.all(
    pairs.map(async ({ one, other }): Promise<SharedProvider[]> => {
      const positions: [number, number] = [one.position, other.position]
      if (one.host === other.host) return [{ positions, why: `both are on ${one.host}` }]
      const [first, second] = [clues.get(one.position), clues.get(other.position)]
      if (first === undefined || second === undefined) return []
      if (first.peerId !== null && second.peerId !== null) {
        return first.peerId === second.peerId ? [{ positions, why: 'both have the same peer id' }] : []
      }
      if (first.filter !== null && (await knowsFilter(other.endpoint, first.filter))) {
        return [{ positions, why: 'one knows a filter that was made through the other' }]
      }
      if (first.client !== null && first.client === second.client) {
        return [{ positions, why: `both say that they are ${first.client.slice(0, 100)}` }]
      }
      return []
    }),
  )
  for (const { position, endpoint } of remote) {
    const filter = clues.get(position)?.filter ?? null
    if (filter !== null) await answerOf(endpoint, 'eth_uninstallFilter', [filter], z.unknown())
  }
  return found.flat()
}

interface Clues {
  peerId: string | null
  client: string | null
  filter: string | null
}

/** Some nodes count their filters from 1, so that any two of them know the same ones. */
const RandomFilter = z.string().regex(/^0x[0-9a-f]{16,64}$/i)

async function ask(endpoint: RpcEndpoint): Promise<Clues> {
  const [node, client, filter] = await Promise.all([
    answerOf(endpoint, 'admin_nodeInfo', [], z.object({ id: z.string().min(16).max(200) })),
    answerOf(endpoint, 'web3_clientVersion', [], z.string().min(1).max(500)),
    answerOf(endpoint, 'eth_newBlockFilter', [], RandomFilter),
  ])
  return { peerId: node?.id ?? null, client, filter }
}

async function knowsFilter(endpoint: RpcEndpoint, filter: string): Promise<boolean> {
  return (await answerOf(endpoint, 'eth_getFilterChanges', [filter], z.array(z.unknown()))) !== null
}

const ASK_TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 64 * 1024

/** null: it does not say. */
async function answerOf<schema extends z.ZodType>(
  endpoint: RpcEndpoint,
  method: string,
  params: unknown[],
  schema: schema,
): Promise<z.output<schema> | null> {
  const bounds = { timeoutMs: ASK_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES }
  return endpoint.request(method, params, schema, bounds).catch(() => null)
}

/** Without port, and without the brackets of an IPv6 address. */
function hostOf(url: string): string {
  return new URL(url.replace(/^ws/i, 'http')).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127(\.\d+){3}$/.test(host) ||
    host === '::1' ||
    host === '::' ||
    host === '0.0.0.0' ||
    /^::ffff:7f[0-9a-f]{2}:/.test(host)
  )
}
