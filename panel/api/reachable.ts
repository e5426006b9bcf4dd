import { signal } from '@preact/signals'

/** Whether the service answered when it was asked last; true until it has been asked. Set by `callApi` alone. */
export const reachable = signal(true)
