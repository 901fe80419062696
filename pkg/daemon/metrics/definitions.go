package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Definition is a metric as docs/monitoring.md has it.
type Definition struct {
	Name, Kind, Help string
	Labels           []string
}

// metric is one that is read for a scrape.
type metric struct {
	Definition
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// defined are all that are read, in the order of the documentation.
var defined []*metric

func define(kind prometheus.ValueType, words, name, help string, labels []string) *metric {
	m := &metric{Definition{namespace + name, words, help, labels}, prometheus.NewDesc(namespace+name, help, labels, nil), kind}
	defined = append(defined, m)
	return m
}

func gauge(name, help string, labels ...string) *metric {
	return define(prometheus.GaugeValue, "gauge", name, help, labels)
}

func counter(name, help string, labels ...string) *metric {
	return define(prometheus.CounterValue, "counter", name, help, labels)
}

const namespace = "datagravity_"

var (
	buildInfo = gauge("build_info", "Always 1; the labels say what runs.", "version", "revision", "goversion")
	healthy   = gauge("healthy", "1 while work progresses or there is none, 0 otherwise.")

	jobsByState   = gauge("jobs", "Jobs by state.", "state")
	jobMissing    = gauge("job_missing_shards", "Shards that a job still lacks at a destination.", "job_id", "dataset", "destination")
	jobMissingB   = gauge("job_missing_bytes", "Bytes of the shards that a job still lacks at a destination.", "job_id", "dataset", "destination")
	jobMargin     = gauge("job_margin_seconds", "Time between when a job will be ready and when it is needed; below 0: it is late by so much.", "job_id", "dataset", "state")
	jobETA        = gauge("job_eta_timestamp_seconds", "When a job will be ready, by the plan.", "job_id", "dataset")
	jobNeedBy     = gauge("job_need_by_timestamp_seconds", "When a job is needed.", "job_id", "dataset")
	transfers     = gauge("transfers_in_flight", "Shards that are moving now.")
	progress      = gauge("progress_timestamp_seconds", "When the engine last moved or began anything; when the process began, if it did not yet.")
	pauses        = gauge("pauses", "Links, or names of them, that are paused by hand.")
	movedBytes    = counter("moved_bytes_total", "Payload bytes that were read, proven and written, by the way they went.", "source", "destination", "way")
	resumedBytes  = counter("resumed_bytes_total", "Payload bytes that were at the destination from an earlier run.", "source", "destination", "way")
	shards        = counter("shards_total", "Shards that were carried through, and those that failed.", "source", "destination", "way", "outcome")
	sentBytes     = counter("network_sent_bytes_total", "Bytes that this process wrote to the network for stores, headers and TLS included.")
	receivedBytes = counter("network_received_bytes_total", "Bytes that this process read from the network for stores, headers and TLS included.")
	netRequests   = counter("network_requests_total", "HTTP requests to stores, each attempt and each redirect counted.")
	connections   = counter("network_connections_total", "Connections to stores that were established.")

	storeRequests  = counter("store_requests_total", "Calls of a store, each attempt counted.", "store")
	storeThrottled = counter("store_throttled_requests_total", "Calls that the store's service refused as too many.", "store")
	storeInFlight  = gauge("store_requests_in_flight", "Calls of a store that are under way.", "store")
	storeWaiting   = gauge("store_requests_waiting", "Calls of a store that wait for others to end.", "store")
	storeLimit     = gauge("store_requests_limit", "Most calls at the same time that the store bears, as far as is known now.", "store")
	storeMax       = gauge("store_requests_limit_max", "Most calls at the same time that there may ever be.", "store")
	storePaused    = gauge("store_paused", "1 while the store's service asked for a pause.", "store")

	budgetLimit     = gauge("budget_limit_usd", "Limit of a budget in US dollars.", "budget")
	budgetExtra     = gauge("budget_extra_usd", "What approvals gave to the window beyond the limit, in US dollars.", "budget")
	budgetSpent     = gauge("budget_spent_usd", "Spent in the budget's window, in US dollars.", "budget")
	budgetReserved  = gauge("budget_reserved_usd", "Set aside for requests under way and grants, in US dollars.", "budget")
	budgetLeft      = gauge("budget_left_usd", "Left of the limit in this window, in US dollars.", "budget")
	budgetLimitB    = gauge("budget_limit_bytes", "Limit of a budget in bytes.", "budget")
	budgetExtraB    = gauge("budget_extra_bytes", "What approvals gave to the window beyond the limit, in bytes.", "budget")
	budgetSpentB    = gauge("budget_spent_bytes", "Moved in the budget's window, in bytes on the wire.", "budget")
	budgetReservedB = gauge("budget_reserved_bytes", "Set aside for requests under way and grants, in bytes.", "budget")
	budgetLeftB     = gauge("budget_left_bytes", "Left of the limit in this window, in bytes.", "budget")
	budgetDoubt     = gauge("budget_in_doubt", "1 while nobody knows what was spent, so that all of the window counts as spent.", "budget")
	budgetEnd       = gauge("budget_window_end_timestamp_seconds", "When the budget's window ends, where it does.", "budget")
	spentUSD        = counter("ledger_spent_usd_total", "What crossed a link cost, as it was metered, in US dollars, since the ledger began.", "source", "destination")
	spentBytes      = counter("ledger_bytes_total", "Metered bytes over a link, since the ledger began.", "source", "destination")
	spentRequests   = counter("ledger_requests_total", "Metered requests over a link, since the ledger began.", "source", "destination")

	datasetShards   = gauge("dataset_shards", "Shards of the dataset's latest snapshot.", "dataset")
	datasetBytes    = gauge("dataset_bytes", "Bytes of the dataset's latest snapshot.", "dataset")
	datasetListed   = gauge("dataset_listed_timestamp_seconds", "When the dataset's source was last listed completely.", "dataset")
	datasetSnapshot = gauge("dataset_snapshot_timestamp_seconds", "When the dataset's latest snapshot was taken.", "dataset")
	heldShards      = gauge("held_shards", "Shards of the latest snapshot that a destination holds, proven.", "dataset", "destination")
	heldBytes       = gauge("held_bytes", "Bytes of the latest snapshot that a destination holds, proven.", "dataset", "destination")
	missingShards   = gauge("missing_shards", "Shards of the latest snapshot that a destination lacks, whether or not anybody needs them there.", "dataset", "destination")
	missingBytes    = gauge("missing_bytes", "Bytes of the latest snapshot that a destination lacks, whether or not anybody needs them there.", "dataset", "destination")
	unsoundShards   = gauge("unsound_shards", "Objects at a destination that do not count: damaged, changed by somebody else, or suspect.", "dataset", "destination")
	verified        = gauge("verified_timestamp_seconds", "When the bytes of the held shard that was proven longest ago were.", "dataset", "destination")
	lastSuccess     = gauge("last_success_timestamp_seconds", "When an activity last went well: ready, list, verify, gc, backup.", "activity", "dataset", "destination")

	problems      = counter("problems_total", "Warnings and errors that were logged, by kind.", "kind")
	manifestBytes = gauge("manifest_size_bytes", "Size of the manifest's file; recipes and journal are files of their own.")
	manifestFree  = gauge("manifest_free_bytes", "Bytes of the manifest's file that hold nothing now.")
	noticesLeft   = gauge("notifications_pending", "Notifications that are still to be delivered.", "target")
	noticesDone   = counter("notifications_total", "Notifications by what became of them: delivered, failed (an attempt, to be repeated), given_up.", "target", "outcome")

	readingAge    = gauge("reading_age_seconds", "How old what this scrape shows is; more than a moment where reading takes long.", "reading")
	readingFailed = counter("reading_failures_total", "Readings for scrapes that failed; the log says why.", "reading")
	leftOut       = gauge("left_out_series", "Jobs, pairs and stores that are not shown one by one, because there are too many.", "of")
)

// Of what is observed as it happens.
var (
	passesDefinition = Definition{namespace + "passes_total", "counter", "Passes of the daemon's loop.", []string{"outcome"}}
	passTook         = Definition{namespace + "pass_duration_seconds", "histogram", "How long passes of the daemon's loop took.", nil}
)

// Definitions are all of datagravity's own metrics; those of the process and of Go come from client_golang.
func Definitions() (list []Definition) {
	for _, m := range defined {
		list = append(list, m.Definition)
	}
	return append(list, passesDefinition, passTook)
}
