// Package daemon lets one process hold the manifest and the others ask it.
//
// The manifest has one holder at a time. Whoever holds it, the daemon or a command that runs for a while, also listens on a socket of the
// file system, and answers there what the others would otherwise have to wait for.
//
// # The socket
//
// HTTP with JSON over a Unix socket. [Listen] makes it; who calls it holds the manifest's lock. A socket that nobody answers is then what a
// killed process left behind, and is replaced. It appears under its name with mode 0600 already, and is removed before the lock is let go.
//
// # Who may ask
//
// At the socket the same user, and root: the kernel says who is at the other end. Anybody else gets 403, whatever the mode of the file has become. Over TCP
// ([TCP]) there is TLS, and who asks has a token or a session, whose scopes each operation asks for.
//
// # What can be asked
//
// docs/openapi.json lists the operations; it is made of what the methods that begin with about register. A request goes
//
//	guard     who asks, how often, how many at a time
//	arrive    has he the scope; his body, whole, in time, and called JSON
//	once.go   was it answered before
//	huma      does it fit the operation
//	operation asks dispatch.Jobs, observe.Reader or operate.Operator, and makes a page or a problem of what they say
//
// An id is one segment of the path, escaped. What fails is a [Problem].
//
// # Errors
//
// A [Problem] has the exit code that the holder would end with, and the names of the errors that it is. [Client] turns it back into an
// [Error] with that code, which is the same errors for errors.Is. So a command ends alike, whoever answered it.
//
// # What an answer may not do
//
// A transaction that reads keeps bbolt from growing its file, and so every writer waiting, while it is open. So what a forwarded command prints
// goes into a file first ([spool]): a pager that is left open at the other end never holds up a transfer.
package daemon
