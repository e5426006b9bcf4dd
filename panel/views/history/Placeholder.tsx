import { Skeleton } from '../Skeleton.tsx'

/** A list that is on its way, or one in which there is nothing. */
export function Placeholder({ isLoading, title, what }: { isLoading: boolean; title: string; what: string }) {
  if (!isLoading) {
    return (
      <div class="nothing">
        <p class="strong">{title}</p>
        <p class="soft">{what}</p>
      </div>
    )
  }
  return (
    <div class="rows" aria-busy="true">
      {[1, 2, 3].map((row) => (
        <div key={row} class="row">
          <div>
            <Skeleton width="8em" />
            <Skeleton width="12em" small />
          </div>
          <Skeleton width="5em" />
        </div>
      ))}
    </div>
  )
}
