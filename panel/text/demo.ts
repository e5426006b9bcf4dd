/** The texts of the demo: its banner, and the wallet built into the page in place of a real one. */
export const demoText = {
  banner: 'Demo: a local chain, no real money. Pay with the wallet built into this page.',
  bannerLabel: 'Demo',
  walletName: 'Demo wallet (local chain)',
  confirm: 'Confirm',
  reject: 'Reject',
  connect: {
    title: 'Connect to this page?',
    what: 'It will see this address and may ask for signatures and payments. Nothing moves unless you confirm.',
  },
  sign: {
    title: 'Sign this message?',
    what: 'Signing costs nothing and moves nothing.',
  },
  send: {
    title: 'Send this payment?',
    what: 'It is sent on the local chain of the demo, whose coins are worth nothing.',
    call: 'A contract call',
  },
  account: 'Account',
  message: 'Message',
  amount: 'Amount',
  to: 'To',
  token: 'Token',
}
