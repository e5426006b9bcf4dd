import type { AmountFault } from '../pay/amounts.ts'

/** The payment side: rails, fields, sending, and payments under way. */
export const paymentText = {
  rails: {
    label: 'Ways to pay',
    onChain: (chain: string) => `on ${chain}`,
    amount: (amount: string, symbol: string) => `${amount} ${symbol}`,
    minutes: (minutes: string) => `${minutes} min`,
    gets: 'buys',
    minimum: (amount: string, symbol: string) => `Minimum ${amount} ${symbol}`,
    bonus: (percent: string) => `${percent}% AXGT bonus included`,
    discount: (label: string, percent: string) => `${label}: ${percent}% off`,
    none: 'No payment method is enabled at the moment.',
    price: (usd: string, symbol: string) => `1 ${symbol} = $${usd}`,
    fixed: 'fixed price',
    chainlink: (age: string | null) => (age === null ? 'by Chainlink' : `by Chainlink, ${age} old`),
    twap: (age: string | null) =>
      age === null ? 'average on Uniswap' : `average on Uniswap, ETH price ${age} old`,
    noPrice: 'No price at the moment',
  },
  tier: {
    held: (amount: string) => `You hold ${amount} AXGT`,
    next: (amount: string, percent: string) => `${amount} AXGT more for ${percent}% off`,
    highest: 'the highest tier',
    bar: 'Progress to the next tier',
  },
  send: {
    minimum: (symbol: string) => `Send min ${symbol}`,
    amount: (amount: string, symbol: string) => `Send ${amount} ${symbol}`,
    choose: 'Choose amount',
    chooseFor: (symbol: string, chain: string) => `Choose amount in ${symbol} on ${chain}`,
    switchTo: (chain: string) => `Switch to ${chain}`,
    inWallet: 'In your wallet',
    nothing: (symbol: string) => `Send ${symbol}`,
    wrongChain: (chain: string) => `Your wallet is on ${chain}.`,
    amountField: (symbol: string) => `Amount in ${symbol}`,
    minutesField: 'Minutes of one GPU',
    youGet: (minutes: string, duration: string) => `You get ${minutes} min, ${duration} of one GPU.`,
    atBlock: 'The price and your AXGT balance are taken at the block of the payment.',
    belowMinimum: (amount: string, symbol: string) =>
      `The minimum is ${amount} ${symbol}. Smaller payments are held until together they reach it.`,
    faults: {
      empty: 'Enter an amount.',
      not_a_number: 'Enter a number such as 0.25.',
      ambiguous_comma: 'Write thousands without a comma, and use a point for decimals.',
      too_many_decimals: 'That has more decimals than this asset allows.',
      zero: 'Enter more than zero.',
      too_large: 'That is more than a single payment can be.',
    } satisfies Record<AmountFault, string>,
  },
  outcome: {
    rejected: 'You declined in the wallet. Nothing was sent.',
    busy: 'The wallet already shows a request. Answer that one, then try again.',
    wrongChain: (chain: string) =>
      `The wallet is on another network, so nothing was sent. Switch to ${chain} first.`,
    wrongAccount: 'The wallet is on a different account from the one signed in here. Nothing was sent.',
    insufficientFunds: (missing: string, have: string, symbol: string) =>
      `You need ${missing} ${symbol} more: your wallet holds ${have} ${symbol}. Nothing was sent.`,
    insufficientGas: (missing: string, symbol: string) =>
      `You need about ${missing} ${symbol} more for the network fee. Nothing was sent.`,
    abandoned:
      'This page is no longer waiting. If the request is still open in the wallet, decline it there. If you confirm it instead, it is credited like any other payment.',
    failed: (detail: string) =>
      `The wallet could not send: ${detail} Before you try again, check in the wallet whether a payment went out.`,
    failedUnknown:
      'The wallet could not send. Before you try again, check in the wallet whether a payment went out.',
    switchRejected: 'You declined to switch. Nothing changed.',
    switchBusy: 'The wallet already shows a request. Answer that one first.',
    switchUnknown: (chain: string, chainId: number) =>
      `Your wallet does not know ${chain}. Add the network with chain id ${chainId} in the wallet, then try again.`,
    switchFailed: (chain: string) => `The wallet did not switch. Choose ${chain} in the wallet itself.`,
  },
  tracker: {
    title: 'Payments under way',
    titleSettled: 'Latest payments',
    heading: (amount: string, symbol: string) => `${amount} ${symbol}`,
    unknownPayment: 'Payment',
    steps: {
      label: 'Progress of the payment',
      wallet: 'In the wallet',
      walletDone: 'Sent',
      seen: 'Seen',
      confirmations: 'Confirmations',
      confirmationsOf: (count: number, required: number) => `${count} of ${required} confirmations`,
      credited: 'Credited',
      held: 'Held',
      notCredited: 'Not credited',
    },
    stepState: {
      done: 'done',
      current: 'now',
      waiting: 'waiting',
      stopped: 'stopped',
      upcoming: 'to come',
    },
    stage: {
      checking: 'Checking the network and your funds.',
      in_wallet: (wallet: string) => `Confirm the payment in ${wallet}.`,
      in_wallet_long: (wallet: string) =>
        `${wallet} has not answered yet. Look for its window or its icon in the browser bar; it may be hidden.`,
      walletSwitched: 'The wallet has just changed its network. Decline the request there and send again.',
      sent: 'Sent. Waiting for the network to show it.',
      not_found:
        'No network shows this transaction yet. It may be waiting its turn, or the wallet may not have sent it: check there. It is credited whenever it arrives.',
      in_mempool: 'The network has it. Waiting for the first block.',
      confirming: 'In a block. You do not need to do anything.',
      crediting: 'All confirmations are in. Your credit is being posted.',
      credited: (minutes: string) => `${minutes} minutes were added.`,
      creditedTo: (minutes: string, payer: string) =>
        `${minutes} minutes were added to ${payer}, the address that paid.`,
      orphaned:
        'The chain reorganised and dropped the block of this payment before it was credited. It usually returns in one of the next blocks and is then credited automatically.',
      reversed:
        'A deep reorganisation of the chain removed this payment after it was credited, so its minutes were taken back. If it returns to the chain, they are credited again automatically.',
      transaction_failed:
        'The transaction was included in a block but failed, so nothing was paid. Send the payment again.',
      no_qualifying_transfer: 'This transaction pays nothing to the address shown here in an accepted asset.',
      cancelled: 'You cancelled this payment in the wallet. Nothing was paid.',
      replaced:
        'Another transaction replaced this one, so it will not arrive. If the other one pays here, it is credited automatically.',
      rejected: 'This payment method is switched off. Ask whoever runs this service.',
    },
    held: {
      below_minimum:
        'It is below the minimum. It is kept, and credited once your payments in this asset add up to the minimum.',
      price_unavailable:
        'No trustworthy price is available at the moment. It is credited automatically once there is one.',
      state_unavailable:
        'What your wallet held in that block could not be read yet. This is retried automatically.',
      rpc_disagreement:
        'The sources that confirm it do not agree yet. It is credited automatically once they do.',
      amount_too_large: 'It is unusually large, so a person reviews it before it is credited.',
      amount_unclear: 'It is not clear how much of what you sent arrived, so a person reviews it.',
      daily_cap_reached: 'The limit for one day is reached. It is credited automatically later.',
      rail_disabled: 'This payment method is switched off at present. It is credited once it is on again.',
      setup_changed: 'The way payments are received has changed since you sent it, so a person reviews it.',
      evidence_unavailable: 'It cannot be read from the chain at present. It is checked again automatically.',
      payment_not_seen: 'The chain does not show it at present. It is checked again automatically.',
      other: 'It is kept, and checked again automatically.',
    },
    retryAt: (time: string) => `Next check at ${time}.`,
    timeLeft: {
      seconds: (seconds: number) => `about ${seconds} s left`,
      minutes: (minutes: number) => (minutes === 1 ? 'about a minute left' : `about ${minutes} minutes left`),
      soon: 'any moment now',
    },
    spedUp: 'It was sped up in the wallet; this is the new transaction.',
    onlyHash: 'Transaction',
    explorer: 'View transaction',
    explorerHint: 'opens in a new tab',
    copyHash: 'Copy hash',
    hashCopied: 'Hash copied',
    dismiss: 'Dismiss',
    dismissNamed: (name: string) => `Dismiss ${name}`,
    stopWaiting: 'Stop waiting',
  },
  alreadySent: {
    title: 'Already sent?',
    what: 'Payments are found automatically. If one does not show up, paste its transaction hash.',
    field: 'Transaction hash',
    hint: '0x and 64 digits, from your wallet or a block explorer',
    button: 'Credit deposit',
    checking: 'Looking it up on the network',
    faults: {
      empty: 'Paste a transaction hash.',
      address: 'That is an address. A transaction hash is longer: 0x and 64 digits.',
      short: (count: number) => `That is not a whole hash: it has ${count} of 64 digits.`,
      form: 'That is not a transaction hash: 0x and 64 digits and letters from a to f.',
    },
    wait: (seconds: number) =>
      seconds === 1 ? 'Try again in a second.' : `Try again in ${seconds} seconds.`,
    followed: 'Found. Its progress is shown under payments.',
  },
  elsewhere: {
    title: 'Pay from another device',
    what: 'Scan the code with a wallet app, or copy the address into it.',
    choose: 'Pay with',
    qr: (amount: string, symbol: string, chain: string) =>
      `QR code for a payment of ${amount} ${symbol} on ${chain}`,
    address: 'Address',
    token: (symbol: string) => `${symbol} contract`,
    network: 'Network',
    amount: 'At least',
    amountOf: (amount: string, symbol: string) => `${amount} ${symbol}`,
    onChain: (symbol: string, chain: string) => `${symbol} on ${chain}`,
    warningAnybody:
      'An exchange sends from an address of its own, so do not pay from an exchange: the minutes would be credited to its address, not to yours.',
    copyAddress: 'Copy address',
    addressCopied: 'Address copied',
    copyLink: 'Copy link',
    linkCopied: 'Link copied',
    warningTitle: 'Credit goes to the address that sends',
    warning: (address: string) =>
      `Only a payment from ${address} adds to this account. An exchange sends from an address of its own, so do not pay from an exchange: the minutes would be credited to the exchange's address.`,
  },
}
