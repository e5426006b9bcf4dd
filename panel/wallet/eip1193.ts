/**
 * The provider that a wallet puts into the page (EIP-1193), as far as it is used here. Answers are `unknown` until
 * checked.
 */
export interface Eip1193 {
  request(request: { method: string; params?: readonly unknown[] }): Promise<unknown>
  on?(event: string, listener: (value: unknown) => void): unknown
  removeListener?(event: string, listener: (value: unknown) => void): unknown
}
