import { config } from '../state/config.ts'
import { commonText } from '../text/common.ts'
import { welcomeText } from '../text/welcome.ts'
import { PendingRows } from './PendingRows.tsx'

const MINUTES_PER_HOUR = 60

/** What an hour of each desktop costs, in minutes of credit. */
export function Profiles() {
  const profiles = config.value === null ? null : Object.entries(config.value.profiles)
  const text = welcomeText.profiles
  return (
    <section class="card" aria-labelledby="profiles">
      <h2 id="profiles">{text.title}</h2>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text.profile}</th>
            <th scope="col" class="end">
              {text.cost}
            </th>
          </tr>
        </thead>
        <tbody>
          {profiles === null ? (
            <PendingRows count={4} />
          ) : (
            profiles.map(([name, gpus]) => (
              <tr key={name}>
                <th scope="row">
                  <span class="capital">{name}</span> <span class="soft">{commonText.gpus(gpus)}</span>
                </th>
                <td class="end">{text.minutes(gpus * MINUTES_PER_HOUR)}</td>
              </tr>
            ))
          )}
        </tbody>
      </table>
    </section>
  )
}
