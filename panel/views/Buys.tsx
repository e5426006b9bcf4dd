import { durationText } from '../format/durationText.ts'
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

/** How long the balance lasts on each desktop. */
export function Buys() {
  const now = balanceNow.value
  const profiles = config.value === null ? null : Object.entries(config.value.profiles)
  const isKnown = now !== null && profiles !== null
  return (
    <section class="card" aria-labelledby="buys">
      <h2 id="buys" class="label">
        {accountText.buys.title}
      </h2>
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
            <dd>
              {isKnown ? durationText(clamp(now.balanceMicros) / BigInt(gpus)) : <Skeleton width="5em" />}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function clamp(micros: bigint): bigint {
  return micros > 0n ? micros : 0n
}
