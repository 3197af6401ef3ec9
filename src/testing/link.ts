/** A connection between two made-up processes: late, chopped, stalled, cut, silent; in order all the same. */

import { KafkaError } from "../base/errors.ts";
import type { Deferred } from "../base/world.ts";
import type { Transport } from "../transport/transport.ts";
import type { Chance } from "./chance.ts";
import { type Happening, type Kind, kindOfHappening, type Process } from "./world.ts";

const PIECE = kindOfHappening("piece");
const END = kindOfHappening("end");
const RESET = kindOfHappening("reset");
const ROOM = kindOfHappening("room");
const READ = kindOfHappening("read");
const WRITE = kindOfHappening("write");
const CLOSE = kindOfHappening("close");

/** How a link is all its life; drawn once a link, so that some are calm and some are mad. */
export interface Habit {
  /** The least time that anything takes from one end to the other, in microseconds. */
  readonly latency: number;
  /** What becomes of a write on its way: nothing, a few pieces, or for its first bytes pieces of one to three bytes. */
  readonly chop: "whole" | "pieces" | "crumbs";
  /** How many bytes may be written and not read before a writer has to wait. */
  readonly window: number;
  /** Whether a read takes all that has arrived, or a piece at a time. */
  readonly isGreedy: boolean;
  /** Whether a write resolves in a later turn, though there was room. */
  readonly isLate: boolean;
  /** How many microseconds a kilobyte takes to pass: what comes behind a large one waits for it. */
  readonly kilobyteMicros: number;
}

/** Draws how a link will be. */
export function drawHabit(chance: Chance): Habit {
  return {
    latency: 100 + chance.below(2000),
    chop: chance.pick(["whole", "pieces", "crumbs"] as const),
    window: chance.pick([256, 65_536]),
    isGreedy: chance.once(2),
    isLate: chance.once(4),
    kilobyteMicros: chance.pick([0, 0, 0, 50, 1000]),
  };
}

/** A write's first bytes, those that come in crumbs: enough for a frame's size and head. */
const CRUMBLED = 12;

/** Instead of a size: what the process here is told though nothing passes. */
const EVEN_SILENT = -1;

/** What springs at the next write, if that comes in time. */
interface Ambush {
  readonly until: number;
  readonly spring: () => void;
}

/** Something on its way to an end. */
interface Parcel {
  readonly time: number;
  readonly kind: Kind;
  readonly arrive: () => void;
}

/**
 * One side. Whatever comes from the other, bytes, an end, a reset or room to write, is something that happens to the process
 * here: settled directly it would let a frozen or a dead process act in another's turn.
 */
export class End implements Transport {
  /** Whose it is. */
  readonly owner: Process;
  /** Draws what becomes of the bytes on their way here. */
  readonly #chance: Chance;
  readonly #habit: Habit;
  /** What reports call the other side. */
  readonly #other: string;
  /** The broker's address, for errors. */
  readonly #broker: string;
  readonly #onClose: () => void;
  #peer!: End;
  /** What is on its way here. Only its first stands in the world's heap: ties and thaws may shuffle all else, never one stream. */
  #road: Parcel[] = [];
  #first: Happening | undefined;
  #lastArrival = 0;
  #isSilent = false;
  #arrived: Uint8Array[] = [];
  #hasEnded = false;
  /** Bytes that were written here and have not been read there. */
  #unread = 0;
  #isClosed = false;
  /** The first reset that was learnt of; readers meet it after what still arrived, writers at once. */
  #error: KafkaError | undefined;
  #isReadBroken = false;
  #isWriteBroken = false;
  #isReading = false;
  #ambush: Ambush | undefined;
  #bytes: Deferred<void> | undefined;
  #room: Deferred<void> | undefined;

  /** Use {@linkcode Link}. */
  constructor(owner: Process, other: string, broker: string, chance: Chance, habit: Habit, onClose: () => void) {
    this.owner = owner;
    this.#other = other;
    this.#broker = broker;
    this.#chance = chance;
    this.#habit = habit;
    this.#onClose = onClose;
  }

  /** Whether it was closed here. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Makes two ends a pair. */
  join(peer: End): void {
    this.#peer = peer;
  }

  /** Counts as open until it is closed. */
  open(): void {
    if (!this.#isClosed) this.owner.hold(this, `link to ${this.#other}`);
  }

  /** See {@linkcode Transport.read}. Two reads at once, or a read into nothing, fail the run. */
  async read(into: Uint8Array, atLeast = 1): Promise<number | null> {
    const { world } = this.owner;
    if (this.#isReading) world.fail(`${this.owner.name}: two reads at once from ${this.#other}`);
    if (into.length < atLeast || atLeast < 1) {
      world.fail(`${this.owner.name}: a read of at least ${atLeast} bytes into ${into.length} from ${this.#other}`);
    }
    this.#isReading = true;
    try {
      const count = await this.#fill(into, atLeast);
      world.traceCall(this.owner, READ, count ?? -1);
      return count;
    } finally {
      this.#isReading = false;
    }
  }

  /** See {@linkcode Transport.write}. Bytes that change before it resolves fail the run. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const { owner } = this;
    if (owner.isDead) await owner.deferred<void>("death").promise;
    const bytes = joined(chunks);
    owner.world.traceCall(owner, WRITE, sumOf(bytes));
    this.#throwIfUnwritable();
    if (bytes.length === 0) return;
    this.#unread += bytes.length;
    for (const piece of this.#chopped(bytes)) this.#peer.#send(PIECE, () => this.#peer.#take(piece), piece.length);
    this.#springAmbush();
    if (!this.#habit.isLate && this.#unread <= this.#habit.window) return;
    if (this.#habit.isLate) {
      this.#wakeWriterIn(this.#chance.delay(50));
      await this.#roomToCome();
    }
    while (this.#unread > this.#habit.window && !this.#isWriteBroken && !this.#isClosed) await this.#roomToCome();
    this.#throwIfUnwritable();
    if (!isSame(bytes, chunks)) {
      owner.world.fail(`${owner.name}: bytes were changed before their write to ${this.#other} resolved`);
    }
  }

  /** See {@linkcode Transport.close}. With bytes here that nobody read the other side may lose what was written: kernels reset. */
  close(): void {
    if (this.#isClosed) return;
    this.owner.world.traceCall(this.owner, CLOSE, 0);
    const hadUnread = this.#arrived.length > 0;
    this.#shut();
    if (this.#peer.#isClosed) {
      this.#peer.#dropRoad();
      this.#dropRoad();
    } else if (hadUnread) {
      this.#peer.learnReset(this.#chance.once(2));
    } else {
      this.#peer.#send(END, () => this.#peer.#takeEnd());
    }
    this.#onClose();
  }

  /** The process here was killed: the other side is reset. */
  die(): void {
    if (this.#isClosed) return;
    this.#shut();
    this.#isSilent = true;
    if (!this.#peer.#isClosed) this.#peer.learnReset(this.#chance.once(2));
    this.#onClose();
  }

  /** From now on nothing comes here by itself; what is on its way is lost, unless `keep`. */
  silence(keep: boolean): void {
    if (!keep) this.#dropRoad();
    this.#isSilent = true;
  }

  /** The process here will learn of a reset: the writer soon, the reader after what still arrives (`keep`), or without it. */
  learnReset(keep: boolean): void {
    const { world } = this.owner;
    this.silence(keep);
    const error = new KafkaError("CONNECTION_RESET", `the connection to ${this.#other} was reset`, {
      broker: this.#broker,
    });
    world.schedule(this.owner, this.#habit.latency, RESET, () => {
      this.#error ??= error;
      this.#isWriteBroken = true;
      this.#wakeWriter();
    });
    this.#send(RESET, () => {
      this.#error ??= error;
      this.#isReadBroken = this.#isWriteBroken = true;
      this.#wakeReader();
      this.#wakeWriter();
    }, EVEN_SILENT);
  }

  /** Something happens to the next bytes that are written here, as soon as they are on the road; until then, in microseconds. */
  layAmbush(until: number, spring: () => void): void {
    this.#ambush = { until, spring };
  }

  /** Nothing that sets out from now on arrives here before `until`, in the world's microseconds. */
  stall(until: number): void {
    this.#lastArrival = Math.max(this.#lastArrival, until);
  }

  async #fill(into: Uint8Array, atLeast: number): Promise<number | null> {
    let count = 0;
    while (!this.#isClosed) {
      const first = this.#arrived[0];
      if (first !== undefined && (count < atLeast || (this.#habit.isGreedy && count < into.length))) {
        const taken = Math.min(first.length, into.length - count);
        into.set(first.subarray(0, taken), count);
        count += taken;
        if (taken === first.length) this.#arrived.shift();
        else this.#arrived[0] = first.subarray(taken);
        this.#peer.#giveRoom(taken);
        continue;
      }
      if (count >= atLeast) return count;
      if (this.#hasEnded) return count > 0 ? count : null;
      if (this.#isReadBroken) throw this.#error;
      this.#bytes = this.owner.deferred(`bytes from ${this.#other}`);
      await this.#bytes.promise;
    }
    return null;
  }

  #springAmbush(): void {
    const ambush = this.#ambush;
    this.#ambush = undefined;
    if (ambush && this.owner.world.now < ambush.until) ambush.spring();
  }

  #take(piece: Uint8Array): void {
    if (this.#isClosed) {
      // As a kernel answers bytes for a socket that is gone.
      if (!this.#peer.#isSilent) this.#peer.learnReset(true);
      return;
    }
    this.#arrived.push(piece);
    this.#wakeReader();
  }

  #takeEnd(): void {
    this.#hasEnded = true;
    this.#wakeReader();
  }

  #giveRoom(bytes: number): void {
    const { window, latency } = this.#habit;
    const wasFull = this.#unread > window;
    this.#unread -= bytes;
    if (wasFull && this.#unread <= window) this.#wakeWriterIn(latency);
  }

  #roomToCome(): Promise<void> {
    this.#room ??= this.owner.deferred(`room to write to ${this.#other}`);
    return this.#room.promise;
  }

  #wakeWriterIn(delay: number): void {
    this.owner.world.schedule(this.owner, delay, ROOM, () => this.#wakeWriter());
  }

  #wakeReader(): void {
    const wait = this.#bytes;
    this.#bytes = undefined;
    wait?.resolve();
  }

  #wakeWriter(): void {
    const wait = this.#room;
    this.#room = undefined;
    wait?.resolve();
  }

  #throwIfUnwritable(): void {
    if (this.#isClosed) {
      const detail = `the connection to ${this.#other} was closed on this side`;
      throw new KafkaError("CONNECTION_CLOSED", detail, { broker: this.#broker });
    }
    if (this.#isWriteBroken) throw this.#error;
  }

  #shut(): void {
    this.#isClosed = true;
    this.#arrived = [];
    this.owner.release(this);
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** Puts something on the road to here, so many bytes of it. */
  #send(kind: Kind, arrive: () => void, size = 0): void {
    if (this.#isSilent && size !== EVEN_SILENT) return;
    const { latency, kilobyteMicros } = this.#habit;
    const soonest = this.owner.world.now + latency + this.#chance.delay(latency);
    const passage = Math.max(1, Math.ceil(size * kilobyteMicros / 1024));
    this.#lastArrival = Math.max(this.#lastArrival + passage, soonest);
    this.#road.push({ time: this.#lastArrival, kind, arrive });
    if (this.#road.length === 1) this.#dispatch();
  }

  #dispatch(): void {
    const { time, kind, arrive } = this.#road[0]!;
    const { world } = this.owner;
    this.#first = world.schedule(this.owner, Math.max(0, time - world.now), kind, () => {
      this.#first = undefined;
      this.#road.shift();
      if (this.#road.length > 0) this.#dispatch();
      arrive();
    });
  }

  #dropRoad(): void {
    if (this.#first) this.owner.world.cancel(this.#first);
    this.#first = undefined;
    this.#road = [];
  }

  #chopped(bytes: Uint8Array): Uint8Array[] {
    const { chop } = this.#habit;
    if (chop === "whole" || bytes.length < 2) return [bytes];
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const most = chop === "crumbs" && at < CRUMBLED ? 3 : bytes.length - at;
      const end = Math.min(bytes.length, at + 1 + this.#chance.below(most));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces;
  }
}

/** A direction: up to who was dialled, down to who dialled. */
export type Way = "up" | "down";

/** Which direction still delivers what is on its way when a link is cut; with `up`, requests are applied and their answers lost. */
export type Keep = "none" | "up" | "down";

/** Who learns that a link was cut; the others only meet silence. */
export type Tell = "both" | "client" | "server" | "neither";

/** Two ends, and what can go wrong between them. */
export class Link {
  /** Where the client dialled, as `host:port`. */
  readonly broker: string;
  /** The side that dialled. */
  readonly client: End;
  /** The side that was dialled. */
  readonly server: End;
  #isCut = false;

  /** The client's end counts as open at once, the server's once it is accepted. */
  constructor(
    client: Process,
    server: Process,
    broker: string,
    chance: Chance,
    habit: Habit,
    onClose: (link: Link) => void,
  ) {
    this.broker = broker;
    const closed = () => {
      if (this.client.isClosed && this.server.isClosed) onClose(this);
    };
    this.client = new End(client, broker, broker, chance.fork("down"), habit, closed);
    this.server = new End(server, client.name, broker, chance.fork("up"), habit, closed);
    this.client.join(this.server);
    this.server.join(this.client);
    this.client.open();
  }

  /** Breaks it for good; what is broken does not break again. */
  cut(keep: Keep, tell: Tell): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.server.silence(keep === "up");
    this.client.silence(keep === "down");
    if (tell === "both" || tell === "client") this.client.learnReset(true);
    if (tell === "both" || tell === "server") this.server.learnReset(true);
  }

  /**
   * Breaks it at the client's next write, if that comes within so many milliseconds: before it is delivered (keep "none" or
   * "down"), or after (keep "up"), so that a request is done and its answer is lost.
   */
  cutAtNextRequest(ms: number, keep: Keep, tell: Tell): void {
    this.client.layAmbush(this.#after(ms), () => this.cut(keep, tell));
  }

  /** Nothing passes for so many milliseconds, both ways or one; it comes later. */
  stall(ms: number, way?: Way): void {
    if (way !== "up") this.client.stall(this.#after(ms));
    if (way !== "down") this.server.stall(this.#after(ms));
  }

  /** Whatever sets out or is under way in this direction vanishes, for good and without a word; the other goes on. */
  lose(way: Way): void {
    (way === "up" ? this.server : this.client).silence(false);
  }

  #after(ms: number): number {
    return this.client.owner.world.now + Math.floor(ms * 1000);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function isSame(whole: Uint8Array, chunks: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== whole[at++]) return false;
    }
  }
  return true;
}

/** For the hash only: four bytes at a time, which is the same on every little-endian machine. */
function sumOf(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  let sum = bytes.length;
  for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i]!, 0x01000193);
  for (let i = words.length << 2; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum ^ (sum >>> 16);
}
