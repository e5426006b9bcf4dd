import type { Asset } from '../../api/apiTypes.ts'
import { Skeleton } from '../Skeleton.tsx'

/** The price; beside it the bonus on AXGT, and on ETH the AXGT held with the way to the next tier. */
const LINES: Record<Asset, number> = { eth: 2, usdc: 1, axgt: 2 }

/** Keeps the place of what makes up a price while the quote is on its way. */
export function RailFactsSkeleton({ asset }: { asset: Asset }) {
  return (
    <div class="rail-facts small">
      {Array.from({ length: LINES[asset] }, (_, line) => (
        <p key={line}>
          <Skeleton width={line === 0 ? '14em' : '18em'} />
        </p>
      ))}
      {asset === 'eth' && <div class="tier-bar" />}
    </div>
  )
}
