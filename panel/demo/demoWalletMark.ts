/** In everything the demo wallet shows or keeps, so that a build can be searched for it: production must not have it. */
export const demoWalletMark = 'axonos-demo-wallet'
