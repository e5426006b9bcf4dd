/** The mark of the project. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M9.5 22 16 9l6.5 13" />
      <circle cx="16" cy="20.5" r="2.1" />
    </svg>
  )
}

/** A wallet, for those that have no icon of their own. */
export function WalletGlyph() {
  return (
    <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M4 5.5h10.5a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 4 14V5.5Zm0 0A1.5 1.5 0 0 1 5.5 4H13" />
      <circle cx="13" cy="10.5" r=".9" class="filled" />
    </svg>
  )
}

export function ChevronGlyph() {
  return (
    <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">
      <path d="m6 8 4 4 4-4" />
    </svg>
  )
}

export function AlertGlyph() {
  return (
    <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M10 3.5 17 16H3L10 3.5Zm0 4.7v3.6" />
      <circle cx="10" cy="13.8" r=".6" class="filled" />
    </svg>
  )
}

export function DownloadGlyph() {
  return (
    <svg class="glyph" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M10 3.5v8m0 0 3.2-3.2M10 11.5 6.8 8.3M4 14v2.5h12V14" />
    </svg>
  )
}
