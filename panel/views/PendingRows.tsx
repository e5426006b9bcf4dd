import { Skeleton } from './Skeleton.tsx'

/** Placeholder rows of a two-column table that is loading. */
export function PendingRows({ count, isTwoLined = false }: { count: number; isTwoLined?: boolean }) {
  return Array.from({ length: count }, (_, index) => (
    <tr key={index}>
      <td>
        <Skeleton width="8em" />
        {isTwoLined && <Skeleton width="6em" small />}
      </td>
      <td class="end">
        <Skeleton width="4em" />
      </td>
    </tr>
  ))
}
