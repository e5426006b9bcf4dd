import { reachable } from '../api/reachable.ts'
import { secondsText } from '../format.ts'
import { lastHeardAtMs } from '../state/account.ts'
import { commonText } from '../text/common.ts'

/** Says that the service is not responding, and that payments are safe. Disappears when it responds again. */
export function ServiceBanner() {
  const heardAt = lastHeardAtMs.value
  return (
    <div role="status">
      {!reachable.value && (
        <div class="banner">
          <p class="page">
            <strong>{commonText.down.title}</strong> {commonText.down.what}
            {heardAt !== null && ` ${commonText.down.lastHeard(secondsText(heardAt))}`}
          </p>
        </div>
      )}
    </div>
  )
}
