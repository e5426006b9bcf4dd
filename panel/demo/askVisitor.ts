import { demoText } from '../text/demo.ts'
import { demoWalletMark } from './demoWalletMark.ts'

/** What the wallet asks the person in front of the page. */
export interface Question {
  title: string
  what: string
  /** What exactly is signed or sent, row by row. */
  facts: { label: string; value: string; isLong?: boolean }[]
}

let turn: Promise<unknown> = Promise.resolve()

/**
 * Asks as a wallet's own window would, and waits for the answer; false when it was rejected or closed. One question at a
 * time: the next waits until the previous one is answered.
 */
export function askVisitor(question: Question): Promise<boolean> {
  const answer = turn.then(() => ask(question))
  turn = answer
  return answer
}

function ask({ title, what, facts }: Question): Promise<boolean> {
  const dialog = element('dialog', demoWalletMark)
  const heading = element('h2', `${demoWalletMark}-title`, title)
  heading.id = `${demoWalletMark}-title`
  dialog.setAttribute('aria-labelledby', heading.id)
  const list = element('dl', `${demoWalletMark}-facts`)
  for (const { label, value, isLong = false } of facts) {
    list.append(element('dt', '', label), element('dd', isLong ? `${demoWalletMark}-long` : '', value))
  }
  const buttons = element('div', `${demoWalletMark}-buttons`)
  const reject = element('button', `${demoWalletMark}-reject`, demoText.reject)
  const confirm = element('button', `${demoWalletMark}-confirm`, demoText.confirm)
  buttons.append(reject, confirm)
  dialog.append(
    element('p', `${demoWalletMark}-name`, demoText.walletName),
    heading,
    element('p', `${demoWalletMark}-what`, what),
    list,
    buttons,
  )
  document.body.append(dialog)
  return new Promise((resolve) => {
    confirm.addEventListener('click', () => dialog.close('confirm'))
    reject.addEventListener('click', () => dialog.close('reject'))
    // Escape closes it too, and does not confirm.
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'confirm')
    })
    dialog.showModal()
    confirm.focus()
  })
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  text = '',
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.textContent = text
  return made
}
