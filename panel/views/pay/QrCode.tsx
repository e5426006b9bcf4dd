import { useMemo } from 'preact/hooks'
import { encode } from 'uqr'

/** A QR code as one path: dark on light in every colour scheme, since not every camera reads the inverse. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => draw(text), [text])
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <path d={path} />
    </svg>
  )
}

/** Runs of dark modules become strokes of a path, row by row. */
function draw(text: string): { size: number; path: string } {
  const { size, data } = encode(text, { ecc: 'M', border: 2 })
  const path = data
    .map((row, y) => {
      let strokes = ''
      for (let x = 0; x < size; ) {
        let end = x
        while (end < size && row[end]) end++
        if (end > x) strokes += `M${x} ${y}h${end - x}v1H${x}z`
        x = end + 1
      }
      return strokes
    })
    .join('')
  return { size, path }
}
