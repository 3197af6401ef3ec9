/** Bytes to and from the world: three verbs, so that every platform, a WebSocket and a simulated link fit. */

/** One connection. One read at a time; writes may overlap and go out in the order of the calls. */
export interface Transport {
  /**
   * Reads into `into` until at least `atLeast` bytes (1 if not said) are there, and resolves with how many are.
   * Fewer than `atLeast`, or null, only at the end of the stream. `into` belongs to the transport until then.
   */
  read(into: Uint8Array, atLeast?: number): Promise<number | null>;
  /** Writes the chunks as one; resolves when their bytes may be reused. That is the backpressure. */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Lets go of everything at once; a waiting read ends with null, a waiting write with `CONNECTION_CLOSED`. */
  close(): void;
}

/** Where to connect. */
export interface Address {
  /** A name or an IP address. */
  readonly host: string;
  /** A TCP port. */
  readonly port: number;
}

/**
 * What a client shows and whom it believes. Texts are PEM, looked over at each dial: `INVALID_OPTION` for what no platform can use.
 */
export interface TlsOptions {
  /** Certificates of the authorities to believe, as many as wanted, instead of the platform's own (on Deno: besides them). */
  readonly ca?: string | undefined;
  /** The client's certificate, where the broker asks for one, and behind it those that it is signed by, but for the root. */
  readonly cert?: string | undefined;
  /** The private key that belongs to `cert`, in PKCS #8 or in the older form of its kind, without a password. */
  readonly key?: string | undefined;
  /** The name that the broker's certificate must be for; the host if not said. */
  readonly serverName?: string | undefined;
}

/** How to connect. */
export interface DialOptions {
  /** With TLS, if given. */
  readonly tls?: TlsOptions | undefined;
  /** Ends the attempt; after connecting it changes nothing. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects. Rejects with the signal's reason, or a `KafkaError`: `CONNECTION_REFUSED`, `HOST_NOT_FOUND`,
 * `HOST_UNREACHABLE`, `CONNECT_TIMEOUT`, `CONNECTION_RESET`, `TLS_FAILED`, `UNSUPPORTED_FEATURE`, `INVALID_OPTION` (an impossible
 * port, a certificate without its key).
 */
export type Dial = (address: Address, options?: DialOptions) => Promise<Transport>;

/** How to listen. */
export interface ListenOptions {
  /** With TLS, if given: the server's own certificate and key; with `ca`, clients must show a certificate of that authority. */
  readonly tls?: TlsOptions | undefined;
}

/** Connections that come in, until it is closed. */
export interface Listener extends AsyncIterable<Transport> {
  /** Where it listens: with the port that was chosen, if 0 was asked for. */
  readonly address: Address;
  /** Stops listening and ends the iteration; connections that were handed out stay open. */
  close(): void;
}

/** Waits for others to connect; port 0 takes any free one. */
export type Listen = (address: Address, options?: ListenOptions) => Promise<Listener>;
