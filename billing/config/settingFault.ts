/** Why the service can not start with a setting. Fit for printing: a secret's value is never in it. */
export interface SettingFault {
  variable: string
  /** What it was, in words: quoted, `not set`, or that it is secret. */
  was: string
  /** What is wrong with it where that is not plain; null where `mayBe` says it all. */
  why: string | null
  mayBe: string
}
