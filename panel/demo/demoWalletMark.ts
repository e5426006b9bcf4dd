/**
 * Part of everything the demo wallet shows or stores, so that a build can be searched for it: production must not contain
 * it.
 */
export const demoWalletMark = 'axonos-demo-wallet'
