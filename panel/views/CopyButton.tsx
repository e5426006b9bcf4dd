import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

const SHOWN_MS = 2_000

/** Copies a text, and confirms it on the button for a moment. */
export function CopyButton({
  text,
  label,
  done,
  look = 'wide',
}: {
  text: string
  label: string
  done: string
  /** The button's style: one of its classes. */
  look?: 'wide' | 'link'
}) {
  const copiedAt = useSignal(0)
  useEffect(() => {
    if (copiedAt.value === 0) return
    const timer = setTimeout(() => {
      copiedAt.value = 0
    }, SHOWN_MS)
    return () => clearTimeout(timer)
  }, [copiedAt.value])
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      copiedAt.value = Date.now()
    } catch {
      // Not allowed here: the text is beside the button, to be selected by hand.
    }
  }
  return (
    <button type="button" class={`button ${look}`} onClick={copy}>
      <span aria-live="polite">{copiedAt.value === 0 ? label : done}</span>
    </button>
  )
}
