import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';

import type { Transport } from './http-adapter';

/**
 * Follows one call down to its socket, as axios's `transport`, and so knows whether a byte of the request can have reached the
 * upstream. Errors do not tell: the same ECONNRESET comes from a TLS handshake that was dropped and from an answer that was lost.
 */
export class SendingWatch implements Transport {
  /** True from the moment on which the request may have left: its connection, and TLS upon it, stood. */
  hasBegun = false;

  request(options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest {
    const isTls = options.protocol === 'https:';
    const request = (isTls ? https : http).request(options, onResponse);
    request.once('socket', (socket: net.Socket & { readonly secureConnecting?: boolean }) => {
      // A socket that was kept alive is open already; until a new one is, node holds the request back.
      const isOpen = !socket.connecting && socket.secureConnecting !== true && !socket.destroyed;
      if (isOpen) this.hasBegun = true;
      else socket.once(isTls ? 'secureConnect' : 'connect', () => (this.hasBegun = true));
    });
    return request;
  }
}
