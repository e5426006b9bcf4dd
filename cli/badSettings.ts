/** The settings do not allow the command; the message is fit for printing. Ends the command with exit code 78. */
export class BadSettings extends Error {
  override name = 'BadSettings'
}
