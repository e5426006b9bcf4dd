/** The account: balance, what it buys, what runs, and the menu of the wallet. */
export const accountText = {
  title: 'Your credit',
  balance: 'Balance',
  ofOneGpu: (duration: string) => `${duration} of one GPU`,
  live: 'Live',
  connecting: 'Connecting',
  reconnecting: 'Reconnecting',
  lastUpdated: (time: string) => `last updated ${time}`,
  idle: 'No desktop is running.',
  burning: (minutes: string) => `Using ${minutes} minutes per minute.`,
  runsOut: (time: string, left: string) => `Runs out at ${time}, in ${left}.`,
  credited: (minutes: string) => `The balance went up to ${minutes} minutes.`,
  empty: {
    title: 'No minutes yet',
    used: 'No minutes left',
    what: 'Minutes appear here automatically once a payment is credited.',
  },
  tooLittle: {
    title: 'Less than a minute is left',
    what: 'A desktop needs at least one minute for each of its GPUs to start.',
  },
  negative: {
    title: 'The balance is below zero',
    what: 'This comes from stored volumes, or from a payment that the chain dropped after it had been spent. Your next payment covers it first.',
  },
  low: {
    title: 'Nearly used up',
    what: (time: string) =>
      `At the current rate your balance lasts until ${time}. Add minutes to avoid an interruption.`,
  },
  grace: {
    title: (left: string) => `Running on grace time: ${left} left`,
    what: 'Your balance is used up. The desktops that run now keep running, unbilled, until the grace time is over; then they stop. A payment of at least the minimum ends the grace time.',
  },
  buys: { title: 'What it buys' },
  sessions: {
    title: 'Running now',
    since: (time: string) => `since ${time}`,
    used: (minutes: string) => `${minutes} min used`,
    grace: 'Grace time',
    running: 'Running',
  },
  pay: {
    title: 'Payment',
    what: 'Pay with ETH, USDC or AXGT. What you send is credited automatically.',
    open: 'Add minutes',
    close: 'Close',
    loading: 'Loading the payment side',
    failed: 'This part of the page could not be loaded.',
  },
  walletGone: {
    title: 'Wallet not connected',
    what: 'You are signed in and can see your account. To pay from this browser, connect the wallet again.',
  },
  menu: {
    open: (address: string) => `Account ${address}`,
    copy: 'Copy address',
    copied: 'Address copied',
    signOut: 'Sign out',
    with: (name: string) => `Connected with ${name}`,
  },
}
