import type { ListState } from '../../state/pagedList.ts'
import { Skeleton } from '../Skeleton.tsx'

interface PlaceholderProps {
  state: ListState
  title: string
  what: string
}

/** Shown in place of a list's rows: that it is loading, or empty. A list that failed to load shows neither. */
export function Placeholder({ state, title, what }: PlaceholderProps) {
  if (state === 'failed') return null
  if (state === 'loaded') {
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
