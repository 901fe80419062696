// Package trace tells OpenTelemetry what goes on: a pass, a sync, its plan, each shard and part, each call of a store.
//
// # What it costs
//
// Tracing is off unless a context has a [Switch] that is on; then [Start] is a look at the context, and no store is wrapped. Where it is on, spans are
// handed to the exporter of package export, which drops what it cannot send in time: no transfer waits for it.
//
// # What a span says
//
// Names of the configuration, paths, keys, sizes, and the kind of an error. Never the text of an error, nor a URL with more than a store's name in it: a
// trace goes to people and places that the credentials of a store are not for.
package trace
