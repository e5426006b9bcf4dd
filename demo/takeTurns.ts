/**
 * Makes an asynchronous function wait for its own earlier calls. Anvil gives two transactions of one sender that arrive
 * at the same moment the same nonce.
 */
export function takeTurns<Arguments extends unknown[], Result>(
  work: (...args: Arguments) => Promise<Result>,
): (...args: Arguments) => Promise<Result> {
  let turn: Promise<unknown> = Promise.resolve()
  return (...args) => {
    const mine = turn.then(() => work(...args))
    turn = mine.catch(() => {})
    return mine
  }
}
