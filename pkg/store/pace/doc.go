// Package pace decides when a request may start: how many are in flight at a store, which of those that wait goes first,
// and how fast bytes go over a link.
//
// # Requests: Gate
//
// A [Gate] admits requests to one store up to a limit that finds its own height. It doubles until the first sign of
// trouble, then climbs in small steps. It is halved when the service throttles, at most once a second and once for requests
// that were under way together, and taken back when more requests in flight moved no more bytes. Nothing has to be
// configured for a service that allows more, less, or another number tomorrow.
//
// [Wrap] puts the gate below the retrying decorator, so that a request that waits to be tried again holds no slot:
//
//	retry.Wrap(pace.Wrap(backend, gate), policy)
//
// Waiting requests are admitted in the order of [store.Rank], first come first served within one rank. A rank is obeyed to
// the letter: as long as requests of a job with a need-by time fill the gate, those without one wait.
//
// # Bytes: Bandwidth
//
// A [Bandwidth] paces payload bytes by a [Timetable], exactly over time: what is not used is lost after a quarter of a
// second, and what was too much is waited for. [Links] finds the limits that hold for a link, which may be several. All of
// it can be changed while bytes wait.
//
// # What is promised
//
// No more requests than the limit at the time of their admission are in flight, and every slot comes back however a
// request ends. A waiter whose context ends leaves at once. Waiting costs no goroutine.
package pace
