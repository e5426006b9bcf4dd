import { describe, expect, test } from 'vitest'
import type { RpcEndpoint } from '../../../billing/chain/rpc/rpcEndpoint.ts'
import { findSharedProviders, type NamedRpc } from '../../../billing/gate/open/findSharedProviders.ts'

// Goal: two URLs that are one provider are named, and nothing else is. Method: RPCs that answer what nodes do; the edge of the
// world is all that is put in.

interface Node {
  peerId?: string
  client?: string
  filters?: Set<string>
}

/** A name for a node. */
function rpc(url: string, node: Node = {}): NamedRpc {
  const filters = node.filters ?? new Set<string>()
  const answers: Record<string, (params: unknown[]) => unknown> = {
    admin_nodeInfo: () => (node.peerId === undefined ? undefined : { id: node.peerId }),
    web3_clientVersion: () => node.client,
    eth_newBlockFilter: () => {
      const id = `0x${Math.random().toString(16).slice(2).padEnd(32, '0')}`
      filters.add(id)
      return id
    },
    eth_getFilterChanges: ([id]) => (filters.has(id as string) ? [] : undefined),
    eth_uninstallFilter: ([id]) => filters.delete(id as string),
  }
  const endpoint: RpcEndpoint = {
    label: url,
    trouble: () => null,
    async request(method, params, schema) {
      const answer = answers[method]?.(params)
      if (answer === undefined) throw new Error(`the method ${method} is not available`)
      return schema.parse(answer)
    },
  }
  return { url, endpoint }
}

const pairsOf = async (rpcs: NamedRpc[]) =>
  (await findSharedProviders(rpcs)).map(({ positions }) => positions)

describe('one host', () => {
  test.each([
    ['another port', 'https://rpc.example:1', 'https://rpc.example:2'],
    ['another scheme', 'https://rpc.example/key', 'wss://rpc.example/key'],
    ['another path', 'https://rpc.example/a', 'https://rpc.example/b'],
    ['other letters and credentials', 'https://RPC.example', 'http://user:secret@rpc.example.:8545'],
    ['an IPv6 address', 'http://[2001:db8::1]:1', 'ws://[2001:db8:0::1]:2'],
  ])('with %s is one provider', async (_, one, other) => {
    expect(await pairsOf([rpc('https://elsewhere.example'), rpc(one), rpc(other)])).toEqual([[2, 3]])
  })

  test.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]', 'node.localhost', '[::ffff:127.0.0.1]'])(
    'on loopback (%s) is nobody’s fault',
    async (host) => {
      const node = { client: 'anvil/v1', filters: new Set<string>() }
      expect(await pairsOf([rpc(`http://${host}:1`, node), rpc(`http://${host}:2`, node)])).toEqual([])
    },
  )
})

describe('two names', () => {
  const names = ['https://one.example', 'https://two.example'] as const

  test('of one node are told by its peer id, by a filter and by its client', async () => {
    const filters = new Set<string>()
    for (const node of [{ peerId: 'a'.repeat(64) }, { client: 'Geth/mine/v1' }, { filters }]) {
      expect(await pairsOf(names.map((name) => rpc(name, node)))).toEqual([[1, 2]])
    }
    expect(filters.size).toBe(0)
  })

  test('of two nodes, or of nodes that say nothing of themselves, are no fault', async () => {
    const [one, two] = names
    expect(await pairsOf([rpc(one), rpc(two)])).toEqual([])
    expect(
      await pairsOf([
        rpc(one, { client: 'Geth/v1', peerId: 'a'.repeat(64) }),
        rpc(two, { client: 'Geth/v1', peerId: 'b'.repeat(64) }),
      ]),
    ).toEqual([])
  })
})
