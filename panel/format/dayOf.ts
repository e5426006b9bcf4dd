/** The day of a moment as `2025-01-31`, by the calendar here and not in UTC: it is the person's day. */
export function dayOf(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
