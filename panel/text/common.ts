/** Said in more than one place, and what stands around the page. */
export const commonText = {
  brand: 'AxonOS',
  product: 'Credits',
  skipToContent: 'Skip to content',
  footer: {
    terms:
      'Credit is counted in minutes of one GPU. A payment is credited once it is six confirmations deep.',
    confirmations: (required: string) =>
      `A payment is credited by itself ${required} confirmations after it was sent, also when this page is closed.`,
    docs: 'API documentation',
  },
  down: {
    title: 'The service does not answer.',
    what: 'Payments that were sent are safe: they are credited as soon as it is back. Nothing needs to be done.',
    lastHeard: (time: string) => `What is shown is of ${time}.`,
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
