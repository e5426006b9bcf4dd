import { encode } from 'uqr'
import { expect, test } from 'vitest'
import { eip681 } from '../../../panel/pay/eip681.ts'
import { qrPath } from '../../../panel/pay/qrPath.ts'

const link = {
  chainId: 8453,
  token: `0x${'cd'.repeat(20)}`,
  revenueWallet: `0x${'ab'.repeat(20)}`,
  amountBaseUnits: 1_000_000n,
}

/** What a path of `M x y h w v1 H x z` rectangles covers, as rows of modules. */
function rasterise({ size, path }: { size: number; path: string }): boolean[][] {
  const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => false))
  const rest = path.replace(/M(\d+) (\d+)h(\d+)v1H(\d+)z/g, (_, x, y, width, back) => {
    expect(back).toBe(x)
    rows[Number(y)]?.fill(true, Number(x), Number(x) + Number(width))
    return ''
  })
  expect(rest).toBe('')
  return rows
}

test.each([eip681(link), eip681({ ...link, token: null }), 'x'])(
  'the code of %s is drawn module for module, with a quiet zone around it',
  (text) => {
    const drawn = qrPath(text)
    const rows = rasterise(drawn)
    expect(rows).toEqual(encode(text, { ecc: 'M', border: 2 }).data)
    const edges = [rows[0], rows[1], rows.at(-1), rows.at(-2)].flat()
    expect([...edges, ...rows.map((row) => row[0]), ...rows.map((row) => row.at(-1))]).not.toContain(true)
  },
)
