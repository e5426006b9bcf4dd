import { createRpcEndpoint, type RpcEndpoint, type RpcEndpointOptions } from './rpc/rpcEndpoint.ts'

/**
 * Opens the RPCs of a chain by their URLs, numbered from 1 in the order given. A ws URL on the host and port of an http URL
 * is the same node by another door, not a second opinion: it is left to the indexer.
 */
export function openEndpoints(
  rpcUrls: string[],
  options: Omit<RpcEndpointOptions, 'position'> = {},
): RpcEndpoint[] {
  const httpHosts = new Set(rpcUrls.filter(isHttp).map((url) => new URL(url).host))
  return rpcUrls
    .filter((url) => isHttp(url) || !httpHosts.has(new URL(url).host))
    .map((url, index) => createRpcEndpoint(url, { ...options, position: index + 1 }))
}

function isHttp(url: string): boolean {
  return /^https?:/i.test(url)
}
