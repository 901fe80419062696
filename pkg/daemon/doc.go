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
// The same user, and root: the kernel says who is at the other end. Anybody else gets 403, whatever the mode of the file has become.
//
// # What can be asked
//
//	GET    /v1/health                      [Health]
//	GET    /v1/jobs                        a list of [dispatch.Status]
//	POST   /v1/jobs                        [AddRequest], answered by [AddResponse]
//	DELETE /v1/jobs/{id}, /v1/jobs?id=…    204
//	GET    /v1/jobs/{id}?shards=true       [dispatch.Detail]
//	GET    /v1/jobs/{id}/ready?max_age=…   [dispatch.Readiness]
//	GET    /v1/jobs/{id}/placements        a list of [dispatch.Placement]
//	GET    /v1/jobs/{id}/handout?to=…      [dispatch.Handout]
//	GET    /v1/overview                    [observe.Overview]
//	GET    /v1/datasets                    a list of [observe.Dataset]
//	GET    /v1/holdings                    [observe.Holdings]
//	GET    /v1/transfers                   a list of [observe.Transfer]
//	GET    /v1/links                       a list of [observe.Link]
//	GET    /v1/speeds                      a list of [observe.Speeds]
//	GET    /v1/problems                    a list of [observe.Problem]
//	GET    /v1/budgets                     a list of [observe.Budget]
//	GET    /v1/budgets/{name}              [observe.BudgetDetail]
//	GET    /v1/spend?by=…&month=…          a list of [observe.SpendRow]
//	POST   /v1/reload                      [ReloadResponse]
//	POST   /v1/command                     [CommandRequest], answered by a line of JSON for each [Frame]
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
