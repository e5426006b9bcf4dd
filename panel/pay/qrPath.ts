import { encode } from 'uqr'

/** A QR code as one path in a square of `size` modules, including the quiet zone. */
export interface QrPath {
  size: number
  path: string
}

/**
 * Draws a text as a QR code: each run of dark modules in a row is one rectangle of the path. Error correction M (15%): a
 * payment is scanned from a clean screen, and a higher level makes the modules smaller.
 */
export function qrPath(text: string): QrPath {
  const { size, data } = encode(text, { ecc: 'M', border: 2 })
  const path = data.map((row, y) => rowPath(row, y)).join('')
  return { size, path }
}

function rowPath(row: boolean[], y: number): string {
  let path = ''
  for (let x = 0; x < row.length; ) {
    let end = x
    while (row[end] === true) end += 1
    if (end > x) path += `M${x} ${y}h${end - x}v1H${x}z`
    x = end + 1
  }
  return path
}
