/** Reads a quantity of a wallet's answer (`0x1f`), exactly; null where it is none. */
export function parseQuantity(value: unknown): bigint | null {
  return typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value) ? BigInt(value) : null
}
