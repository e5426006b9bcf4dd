/** Whether PostgreSQL refused a number that its column or type can not hold: numeric_value_out_of_range. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '22003'
}
