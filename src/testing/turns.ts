/** One macrotask a step: the only portable way to know that every promise job of the last step is done. */

/**
 * How many macrotasks are queued ahead. Runtimes drain their promise jobs between any two of them, and a queue of this
 * length spares most of the trips round the event loop: a tenth of a microsecond a step instead of more than half.
 */
const QUEUED_AHEAD = 64;

interface Macrotasks {
  enqueue(task: () => void): void;
  close(): void;
}

/** Taken when this file is loaded: while a world runs, the global names are out of reach. */
const { setImmediate, MessageChannel } = globalThis as {
  setImmediate?: (task: () => void) => void;
  MessageChannel: typeof globalThis.MessageChannel;
};

/** `setImmediate` where there is one. In a page a message port; Deno's ports do not drain between messages, but it has the first. */
function macrotasks(): Macrotasks {
  if (setImmediate) return { enqueue: setImmediate, close: () => {} };
  const { port1, port2 } = new MessageChannel();
  const tasks: (() => void)[] = [];
  port1.onmessage = () => tasks.shift()?.();
  return {
    enqueue(task) {
      tasks.push(task);
      port2.postMessage(null);
    },
    close: () => port1.close(),
  };
}

/** Calls `step` once a macrotask until it gives false. It must not throw: what it throws is the host's to report. */
export function turns(step: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const { enqueue, close } = macrotasks();
    let queued = 0;
    let isOver = false;
    const turn = () => {
      queued--;
      if (isOver) return;
      if (!step()) {
        isOver = true;
        close();
        resolve();
      } else if (queued === 0) {
        fill();
      }
    };
    const fill = () => {
      for (; queued < QUEUED_AHEAD; queued++) enqueue(turn);
    };
    fill();
  });
}
