import { durationText } from '../format.ts'
import { config } from '../state/config.ts'
import { balanceNow } from '../state/payPanel.ts'
import { accountText } from '../text/account.ts'
import { commonText } from '../text/common.ts'
import { Skeleton } from './Skeleton.tsx'

const PLACES: [string, number][] = [
  ['1', 1],
  ['2', 2],
  ['3', 4],
  ['4', 8],
]

/** How long the balance lasts on each desktop; hidden while the balance is empty. */
export function Buys() {
  const now = balanceNow.value
  const profiles = config.value === null ? null : Object.entries(config.value.profiles)
  if (now !== null && now.balanceMicros <= 0n) return null
  const isKnown = now !== null && profiles !== null
  return (
    <div class="buys">
      <h3 class="label">{accountText.buys.title}</h3>
      <dl class="pairs">
        {(profiles ?? PLACES).map(([name, gpus]) => (
          <div key={name}>
            <dt>
              {isKnown ? (
                <>
                  <span class="capital">{name}</span> <span class="soft">{commonText.gpus(gpus)}</span>
                </>
              ) : (
                <Skeleton width="7em" />
              )}
            </dt>
            <dd>{isKnown ? durationText(now.balanceMicros / BigInt(gpus)) : <Skeleton width="5em" />}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
