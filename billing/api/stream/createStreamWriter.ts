import type { Socket } from 'node:net'
import { createWaker } from '../../clock/createWaker.ts'

/** Most bytes of one stream that wait for the socket, besides the socket's own buffer. */
const MAX_UNSENT_BYTES = 64 * 1024
/** How long the last bytes may take when a stream ends. */
const CLOSE_TIMEOUT_MS = 500

/** Writes to one client that reads at its own pace. */
export interface StreamWriter {
  /** The body of the answer. */
  stream: ReadableStream<Uint8Array>
  /** Aborted when the client has left or does not read; aborting it ends the stream. */
  over: AbortController
  /**
   * Resolves when there is room again, so the sender waits for the client and nothing piles up. A client that reads nothing
   * for too long is cut off. Sends nothing once the stream is over.
   */
  send(text: string): Promise<void>
  /** Ends the stream, and cuts the connection of a client that does not read the end. */
  close(): void
}

/** Makes the writer of one stream. `socket` is cut at the end; null where there is none, as in `app.request()`. */
export function createStreamWriter({
  socket,
  stalledMs,
}: {
  socket: Socket | null
  stalledMs: number
}): StreamWriter {
  const over = new AbortController()
  const room = createWaker()
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null
  const stream = new ReadableStream<Uint8Array>(
    {
      start(it) {
        controller = it
      },
      pull: () => room.wake(),
      cancel: () => over.abort(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_UNSENT_BYTES }),
  )
  return {
    stream,
    over,
    async send(text) {
      if (over.signal.aborted || controller === null) return
      controller.enqueue(encoder.encode(text))
      const until = performance.now() + stalledMs
      while (!over.signal.aborted && (controller.desiredSize ?? 0) <= 0) {
        const leftMs = until - performance.now()
        if (leftMs <= 0) {
          over.abort()
          socket?.destroy()
          return
        }
        await room.sleep(leftMs, over.signal)
      }
    },
    close() {
      try {
        controller?.close()
        if (socket !== null) setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS).unref()
      } catch {
        // The client has left: the stream is cancelled already.
      }
      over.abort()
    },
  }
}
