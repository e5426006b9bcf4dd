import { AlertGlyph } from './icons.tsx'

/** A highlighted state: what it is, and what to do about it. */
export function Notice({
  kind,
  title,
  what,
}: {
  kind: 'calm' | 'warn' | 'bad'
  title: string
  what: string
}) {
  return (
    <div class={`notice is-${kind}`}>
      {kind !== 'calm' && <AlertGlyph />}
      <div>
        <p class="strong">{title}</p>
        <p>{what}</p>
      </div>
    </div>
  )
}
