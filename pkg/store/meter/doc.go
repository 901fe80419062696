// Package meter makes HTTP clients that count what really crosses the wire.
//
// # The promise
//
// Every byte that a client of [NewClient] writes to or reads from a socket is added, at the moment it passes, to the
// [store.Usage] of exactly one request: headers, TLS handshakes, proxy CONNECTs and bodies that were cut short included. Nothing is estimated from Content-Length. What is not counted is what no program can see:
// TCP/IP headers, retransmissions, and bytes that reached this machine but were never read because the request was
// aborted (a provider bills those too, which is why an aborted read is charged whole by the ledger, and why net/http does not
// make a request again of itself: nobody would know of what was aborted).
//
// # Who owns a byte
//
// HTTP/1.1 carries one request at a time on a connection, so a connection has one owner at any moment: the request that
// had it dialled, then each request that is given it. Bytes that pass between two requests (a TLS close alert) belong to
// the one before. HTTP/2 would mix requests on one connection and is off.
//
// # What it refuses
//
// Link-local and cloud metadata addresses, where a hostile endpoint or DNS answer could fetch the machine's credentials
// (the Azure SDK's own request for a managed identity's token is let through);
// redirects to another host or from https to http; peers that hold a transfer open without moving bytes ([StallError]).
package meter
