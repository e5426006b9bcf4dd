import { signedIn } from '../state/signedIn.ts'
import { commonText } from '../text/common.ts'
import { connected } from '../wallet/connection.ts'
import { AccountMenu } from './AccountMenu.tsx'
import { Mark } from './icons.tsx'

/** The name of the page, and who is signed in. */
export function Header() {
  const address = signedIn.value?.address ?? connected.value?.address ?? null
  return (
    <header class="header">
      <div class="page header-row">
        <a class="brand" href={`/${location.search}`}>
          <Mark />
          <span>
            {commonText.brand} <span class="soft">{commonText.product}</span>
          </span>
        </a>
        {address !== null && <AccountMenu address={address} />}
      </div>
    </header>
  )
}
