/**
 * What a node no longer knows, or what a contract does not say, at a block: thrown where the state is read and caught once
 * where the question is answered, as `state_unavailable`. The message goes on after the RPC's name.
 */
export class StateUnavailableError extends Error {
  override name = 'StateUnavailableError'
}
