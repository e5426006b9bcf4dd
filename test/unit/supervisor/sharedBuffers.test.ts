import { expect, test } from 'vitest'
import { sharedBuffers } from '../../../supervisor/postgres/sharedBuffers.ts'

const GIB = 1024 ** 3

test.each([
  ['a small machine', GIB / 2, 0, '128MB'],
  ['8 GiB', 8 * GIB, 0, '1024MB'],
  ['a large machine', 256 * GIB, 0, '2048MB'],
  ['a container that is given less than the machine has', 64 * GIB, 2 * GIB, '256MB'],
  ['a container without a limit, as Node tells it', 8 * GIB, 2 ** 64, '1024MB'],
])(
  'the embedded PostgreSQL keeps pages in an eighth of the memory: %s',
  (_, total, constrained, expected) => {
    expect(sharedBuffers(total, constrained)).toBe(expected)
  },
)
