/** What the demo says: its banner, and the wallet in the page that stands for somebody's real one. */
export const demoText = {
  banner: 'Demo: a local chain, no real money. Pay with the wallet that is in this page.',
  bannerLabel: 'Demo',
  walletName: 'Demo wallet (local chain)',
  confirm: 'Confirm',
  reject: 'Reject',
  connect: {
    title: 'Connect to this page?',
    what: 'It will see this address and may ask for signatures and payments. Nothing moves without your Confirm.',
  },
  sign: {
    title: 'Sign this message?',
    what: 'Signing costs nothing and moves nothing.',
  },
  send: {
    title: 'Send this payment?',
    what: 'It is sent on the local chain of the demo, whose coins are worth nothing.',
    call: 'A call of a contract',
  },
  account: 'Account',
  message: 'Message',
  amount: 'Amount',
  to: 'To',
  token: 'Token',
}
