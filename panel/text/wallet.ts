/** Texts about wallets. */
export const walletText = {
  legacyName: 'Browser wallet',
  noAccount: 'The wallet returned no account.',
  noSignature: 'The wallet returned no signature.',
  noHash: 'The wallet returned no transaction hash.',
  noChain: 'The wallet did not say which network it is on.',
  notConnected: 'No wallet is connected.',
  openRequest: 'The wallet already shows a request. Answer that one first.',
  insufficientFunds: 'The account does not have enough for the amount and the network fee.',
  silent: 'The wallet is not responding.',
  didNotSwitch: 'The wallet stayed on its network.',
  tokenMissing: 'The token does not exist on the network that the wallet is on.',
}
