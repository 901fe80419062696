// Package netem puts a network between a client and a local server: slow, far away, cut or broken ([Proxy]), or merely
// counted ([Meter], which can also lead to another network meanwhile). [StartPath] opens a meter that is far away. All are TCP proxies on 127.0.0.1 that pass bytes through unchanged, so that signatures, which cover
// the address the client dialled, stay valid. A [Refuser] speaks HTTP, and says in place of the server that it is busy.
//
// A server that names itself in its answers is not fully behind a proxy: fake-gcs-server sends resumable uploads to the
// external URL that it was started with.
package netem
