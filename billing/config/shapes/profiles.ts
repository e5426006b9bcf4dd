import type { Shape } from '../shape.ts'

/** Profile name → GPUs. The record has no prototype, so that a name such as `constructor` is not found in it by accident. */
export const profiles: Shape<Record<string, number>> = {
  mayBe:
    'a comma-separated list of `name:gpus`, each name once (lower-case letters, digits, `-` and `_`, 32 at most, a letter first), 1 to 1024 GPUs',
  parse(text) {
    const value: Record<string, number> = Object.create(null)
    for (const [index, entry] of text.split(',').entries()) {
      const match = /^([a-z][a-z0-9_-]{0,31}):([1-9]\d{0,3})$/.exec(entry.trim())
      const [name, gpus] = [match?.[1], Number(match?.[2])]
      if (name === undefined || gpus > 1024)
        return { ok: false, why: `entry ${index + 1} is not \`name:gpus\`` }
      if (name in value) return { ok: false, why: `${name} is there twice` }
      value[name] = gpus
    }
    return { ok: true, value }
  },
}
