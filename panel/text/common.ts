/** Texts used in more than one place, and those around the page: footer, banner. */
export const commonText = {
  brand: 'AxonOS',
  product: 'Credits',
  skipToContent: 'Skip to content',
  footer: {
    confirmations: (required: string) =>
      `A payment is credited automatically after ${required} confirmations, even if you close this page.`,
    docs: 'API documentation',
  },
  down: {
    title: 'The service is not responding.',
    what: 'Payments you have sent are safe: they are credited as soon as it is back. You do not need to do anything.',
    lastHeard: (time: string) => `Showing data from ${time}.`,
  },
  loading: 'Loading',
  copy: 'Copy',
  copied: 'Copied',
  tryAgain: 'Try again',
  chain: (chainId: number) => `chain ${chainId}`,
  minutes: 'minutes',
  min: 'min',
  gpus: (count: number) => (count === 1 ? '1 GPU' : `${count} GPUs`),
  on: (symbol: string, chain: string) => `${symbol} on ${chain}`,
}
