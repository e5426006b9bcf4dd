/** Holds the place of a text that is loading, so that nothing jumps when it arrives. Hidden from screen readers. */
export function Skeleton({ width, small = false }: { width: string; small?: boolean }) {
  return (
    <span class={small ? 'skeleton small' : 'skeleton'} style={{ width }} aria-hidden="true">
      {'\u00a0'}
    </span>
  )
}
