import { minutesText } from '../../format.ts'
import type { DayOfUsage } from '../../history/usageByDay.ts'
import { historyText } from '../../text/history.ts'

const text = historyText.usage
const dayName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

const BAR_STEP = 24
const BAR_WIDTH = 16
const HEIGHT = 96

/** One bar per day, desktops below and storage above; the same data as a table for those who cannot see them. */
export function UsageChart({ days }: { days: DayOfUsage[] }) {
  const totals = days.map(({ desktopMicros, storageMicros }) => desktopMicros + storageMicros)
  const most = totals.reduce((max, total) => (total > max ? total : max), 1n)
  const sum = totals.reduce((all, total) => all + total, 0n)
  const heightOf = (micros: bigint) => Number((micros * BigInt(HEIGHT * 100)) / most) / 100
  const hasStorage = days.some(({ storageMicros }) => storageMicros > 0n)
  return (
    <figure class="chart">
      <figcaption>
        <span class="label">{text.chart}</span>
        <span class="soft small">{text.total(minutesText(sum, 1))}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${days.length * BAR_STEP} ${HEIGHT + 1}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {days.map(({ day, desktopMicros, storageMicros }, index) => {
          const desktop = heightOf(desktopMicros)
          const storage = heightOf(storageMicros)
          const x = index * BAR_STEP + (BAR_STEP - BAR_WIDTH) / 2
          return (
            <g key={day}>
              <rect class="bar-rest" x={x} y={HEIGHT} width={BAR_WIDTH} height={1} />
              <rect class="bar-desktop" x={x} y={HEIGHT - desktop} width={BAR_WIDTH} height={desktop} />
              <rect
                class="bar-storage"
                x={x}
                y={HEIGHT - desktop - storage}
                width={BAR_WIDTH}
                height={storage}
              />
            </g>
          )
        })}
      </svg>
      <p class="chart-axis soft small" aria-hidden="true">
        <span>{nameOf(days[0])}</span>
        <span>{nameOf(days.at(-1))}</span>
      </p>
      {hasStorage && (
        <p class="legend small" aria-hidden="true">
          <span class="key is-desktop" /> {text.desktops} <span class="key is-storage" /> {text.storage}
        </p>
      )}
      <details class="small">
        <summary>{text.table}</summary>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text.day}</th>
              <th scope="col" class="end">
                {text.desktops}
              </th>
              <th scope="col" class="end">
                {text.storage}
              </th>
            </tr>
          </thead>
          <tbody>
            {[...days].reverse().map((row) => (
              <tr key={row.day}>
                <th scope="row">{nameOf(row)}</th>
                <td class="end">{text.minutes(minutesText(row.desktopMicros, 2))}</td>
                <td class="end">{text.minutes(minutesText(row.storageMicros, 2))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      <p class="soft small">{text.chartNote}</p>
    </figure>
  )
}

function nameOf(row: DayOfUsage | undefined): string {
  return row === undefined ? '' : dayName.format(new Date(`${row.day}T12:00:00`))
}
