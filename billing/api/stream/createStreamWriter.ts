import type { Socket } from 'node:net'
import { createWaker } from '../../clock/createWaker.ts'

/** Bytes of one stream that wait for the socket, beside the socket's own buffer. */
const UNSENT_BYTES = 64 * 1024
/** How long what is sent last may take when a stream ends. */
const FAREWELL_MS = 500

/** The way to one client that reads as fast as it likes. */
export interface StreamWriter {
  /** What the client is answered with. */
  stream: ReadableStream<Uint8Array>
  /** Aborted when the client has left or does not read; aborting it ends the stream. */
  over: AbortController
  /**
   * Resolves when there is room again, so that whoever sends waits for the client and nothing piles up. A client that takes
   * nothing for too long is cut off. Sends nothing once it is over.
   */
  send(text: string): Promise<void>
  /** Says that there is no more, and cuts the connection of a client that does not take it. */
  close(): void
}

/** Makes the writer of one stream. `socket` is what is cut; null where there is none, as in `app.request()`. */
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
    new ByteLengthQueuingStrategy({ highWaterMark: UNSENT_BYTES }),
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
        if (socket !== null) setTimeout(() => socket.destroy(), FAREWELL_MS).unref()
      } catch {
        // The client has left: the stream is cancelled already.
      }
      over.abort()
    },
  }
}
