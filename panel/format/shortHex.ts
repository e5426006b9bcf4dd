/** Shortens an address or a hash for where there is no room, keeping both ends, by which people tell them apart. */
export function shortHex(hex: string): string {
  return `${hex.slice(0, 6)}…${hex.slice(-4)}`
}
