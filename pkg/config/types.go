// Package config reads datagravity's one YAML file. Every mistake in it is reported with file, line and column, and an
// unknown name with the nearest valid one; a file with a mistake is refused as a whole.
//
// # Secrets
//
// The file holds none. Credentials come from each cloud's own default chain (environment, workload identity, instance
// metadata, profile files).
package config

import (
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

// Config is the whole file. The comment of each field is its line in docs/config.md.
type Config struct {
	// Where this agent runs and what it may use.
	Agent Agent `yaml:"agent"`
	// Buckets, containers and directories by name.
	Stores map[string]Store `yaml:"stores"`
	// What is trained on, by name: a prefix in a store.
	Datasets map[string]Dataset `yaml:"datasets"`
	// Where datasets are wanted, by name: a prefix in a store.
	Destinations map[string]Destination `yaml:"destinations"`
	// Limits on what may be spent or moved in a window of time. A transfer must fit every one that counts it.
	Budgets []Budget `yaml:"budgets"`
	// Teams that transfers can be charged to, beside those that datasets name.
	Teams []string `yaml:"teams"`
	// Limits on how fast data goes from a source to a destination. What goes must fit every one that covers it. A running sync reads them again on SIGHUP.
	Links []Link `yaml:"links"`
	// What the price book cannot know.
	Prices Prices `yaml:"prices"`
	// Where upcoming jobs are declared, and what holds for them.
	Jobs Jobs `yaml:"jobs"`
	// What the daemon does on a schedule, how it ends, and when it counts as stuck.
	Daemon Daemon `yaml:"daemon"`
	// Who is told by the daemon when something happens; see monitoring.md.
	Notify []Notify `yaml:"notify"`
	// Where OpenTelemetry traces go; see monitoring.md. Without it: where OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere.
	Tracing Tracing `yaml:"tracing"`
	// The daemon's API over TCP, beside its Unix socket.
	API API `yaml:"api"`

	// Path of the file it came from; not part of the file.
	Path string `yaml:"-"`
}

// Agent describes this process.
type Agent struct {
	// Location of the machine this runs on, as provider:region (azure:eastus, aws:us-east-1, gcp:us-central1, onprem:lab1). It decides which reads and writes are free.
	Location store.Location `yaml:"location" required:"true"`
	// What this agent is for others that share a source's store. origin: beside the source, publishes there what it indexes, so that others need not read it. edge: beside destinations, takes datasets as an origin published them, and reads of the source only what its destinations lack. Default: neither, one agent does everything.
	Role string `yaml:"role"`
	// Whose budgets an edge reads on. origin: it reads of a dataset's store what the agent beside it grants, from the budgets there, and nothing without. own: its own budgets alone decide. Default: origin.
	Budget string `yaml:"budget"`
	// Name of this agent in what it publishes. Default: the machine's host name.
	Name string `yaml:"name"`
	// Directory for the manifest, recipes and journal. Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/datagravity, else ~/.local/state/datagravity.
	State string `yaml:"state"`
	// Folder for the ledger's journal, best on another disk. Default: journal/ in the state directory.
	JournalDir string `yaml:"journal_dir"`
	// Backups of the manifest that the daemon makes.
	Backup Backup `yaml:"backup"`
	// How long the manifest keeps what nothing needs any more.
	History History `yaml:"history"`
	// Unix socket that the daemon answers on; at most 100 bytes. Default: datagravity.sock in $RUNTIME_DIRECTORY, else api.sock in the state directory. Programs that systemd did not start do not have that variable; set the path here where they are to find the daemon of a unit.
	Socket string `yaml:"socket"`
	// Memory for data in flight, whatever the number of shards and streams. All of it is used where connections are slow, as they are over a long way; near stores have 80MiB of it at a time. Default 192MiB.
	Memory Size `yaml:"memory"`
	// Shards worked on at the same time. Default 8.
	Shards int `yaml:"shards"`
	// Most parts of one shard in flight at the same time; together they never exceed 56 MiB, so that a killed process repeats less than 64 MiB. Default 14.
	Parts int `yaml:"parts"`
	// Size of a part; a power of two, grown where a service takes no parts so small (S3) or not so many. Default 4MiB.
	PartSize Size `yaml:"part_size"`
	// How long a lease outlives a process that is gone. While this agent writes to a destination, a lease below .datagravity/leases/ in its store keeps agents with other configurations from writing to the same prefix; it is renewed three times in this length. 0s takes none, and agents that do not know of each other may pay twice. 2s to 24h. Default 10m.
	Lease Duration `yaml:"lease"`
	// Unix socket on which go tool pprof finds profiles of the process; for its own user and root alone. Without it there is none.
	Pprof string `yaml:"pprof"`
	// Allow stores on plain http and loopback addresses (tests and emulators), webhooks on plain http, and headers to a collector on plain http.
	AllowInsecure bool `yaml:"allow_insecure"`
}

// Backup says where backups of the manifest are kept, and how many. The daemon makes them while it works, and verifies each before an older one goes.
type Backup struct {
	// Folder for them, best on another disk; of one state directory alone. Default: backups/ in the state directory. datagravity manifest backup writes here too, and what it wrote is never removed.
	Dir string `yaml:"dir"`
	// How old the last one may get, 1h to 30d; 0: the daemon makes none. Default 24h.
	Every Duration `yaml:"every"`
	// How many the daemon keeps, 1 to 1000. Default 7.
	Keep int `yaml:"keep"`
}

// History says how long the manifest keeps what nothing needs any more: snapshots that no dataset, need, pin or job names and no destination has a shard of, with their recipes; and how long the ledger keeps lines apart, whose sums stay. The daemon forgets it, or datagravity manifest trim.
type History struct {
	// How long after it was last needed, 1m to 3660d; 0: for ever. Default 90d.
	Keep Duration `yaml:"keep"`
	// How long the ledger tells what was for each shard, 1m to 3660d; 0: for ever. Default 90d.
	ShardCosts Duration `yaml:"shard_costs"`
	// How long the ledger tells what was for each job and need, 1m to 3660d; 0: for ever. By team, dataset, link, day and price it tells for ever. Default 1100d.
	JobCosts Duration `yaml:"job_costs"`
	// How often the daemon looks for what is older, a tenth more or less, 10s to 366d. Default 24h.
	Every Duration `yaml:"every"`
}

// API is where the daemon answers beside its Unix socket: over TLS, to who has a token (datagravity token create).
type API struct {
	// Address that the daemon listens at, for example 127.0.0.1:8443, or :8443 for all of the machine's addresses. Default: none, the Unix socket alone.
	Listen string `yaml:"listen"`
	// The certificate that it shows. Default: one that it makes itself in the state directory, whose fingerprint it logs.
	TLS APITLS `yaml:"tls"`
	// Names by which the API may be asked for, beside the name or address in listen, the machine's name and, on a loopback address, localhost. A browser that another name led here is refused.
	Hosts []string `yaml:"hosts"`
}

// APITLS is a certificate in files.
type APITLS struct {
	// File with the certificate and those above it, in PEM. It is read again when it changes.
	Cert string `yaml:"cert"`
	// File with its private key, in PEM.
	Key string `yaml:"key"`
}

// Store is a bucket, container or directory.
type Store struct {
	// azblob://container?storage_account=name, s3://bucket?region=us-east-1, gs://bucket, file:///directory
	URL string `yaml:"url" required:"true"`
	// Where it is, as provider:region. It decides what moving costs.
	Location store.Location `yaml:"location" required:"true"`
	// Most requests in flight at the same time. Below it the number adapts to what the store bears: to its throughput and its throttling. Default: 64, for a directory 16.
	Requests int `yaml:"requests"`
	// Routing preference of an Azure storage account: microsoft (over its global network, Azure's default) or internet (cheaper). Default: as prices.isp_routing says.
	Routing string `yaml:"routing"`
	// Another store, in the same location, in which agents with roles tell each other about the datasets in this one; it serves no other store, and has no datasets. So edges need no right to write here. Default: this store, under .datagravity/.
	Exchange string `yaml:"exchange"`
}

// Dataset is a prefix in a store.
type Dataset struct {
	// Name of the store that holds it.
	Store string `yaml:"store" required:"true"`
	// Key prefix; "c4" and "c4/" mean the same, and never match "c4-old/". Empty: the whole store.
	Prefix string `yaml:"prefix"`
	// Globs (**, *, ?, {a,b}) on the path within the dataset; empty includes everything.
	Include []string `yaml:"include"`
	// Globs of paths to leave out.
	Exclude []string `yaml:"exclude"`
	// Hint at the format of its shards: auto, webdataset, mds, parquet, litdata, energon, megatron, raw. Index files of the format travel last.
	// With auto, webdataset and energon, chunks of tar shards follow their members; what is no tar archive is cut by content anyway.
	Format string `yaml:"format"`
	// When a snapshot may be taken. Without it: at any time.
	CompleteWhen *CompleteWhen `yaml:"complete_when"`
	// How its source is watched by the daemon, for jobs that wait for something to change there. Without it: listed every 5 minutes while a job waits.
	Watch *Watch `yaml:"watch"`
	// Average chunk size, a power of two. Default 64KiB.
	ChunkSize Size `yaml:"chunk_size"`
	// How shards are cut: tar-v2, tar-v1 or plain-v1. Default: as they are cut already; a new dataset begins with tar-v2, or plain-v1 where its format has no
	// tar shards. Another one has index read the whole dataset again, and the next change of each shard costs more; see index in cli.md. At an edge the origin decides.
	ChunkAlgorithm string `yaml:"chunk_algorithm"`
	// Digests of whole shards to record beside BLAKE3, for catalogues that name them: sha256, md5.
	Digests []string `yaml:"digests"`
	// Team that moving it is charged to, unless --team names another.
	Team string `yaml:"team"`
	// Other datasets that may share bytes with this one. What destinations hold of them is looked through for what is missing of this one.
	Related []string `yaml:"related"`
}

// CompleteWhen says when a listing may become a snapshot. A listing is not a point in time.
type CompleteWhen struct {
	// An object within the dataset that is written last, for example _SUCCESS. It travels too, last.
	Marker string `yaml:"marker"`
	// Nothing in the listing has changed for this long, for example 10m.
	UnchangedFor Duration `yaml:"unchanged_for"`
}

// Watch says how it is found out that a source changed. Object stores list nothing conditionally: only about one object can be asked whether it changed.
type Watch struct {
	// How often the source is looked at, a tenth more or less, so that many agents do not all ask at once; 10s to 24h. Default 5m.
	Every Duration `yaml:"every"`
	// An object within the dataset that its writer changes after everything else, for example _SUCCESS or index.json. While it is as it was, nothing is listed: a look is one request.
	Marker string `yaml:"marker"`
	// Ask the change feed of the Azure storage account, which must be enabled there, whether something below the prefix changed, and list only then. The feed may lag behind by minutes, and is read by the hour.
	ChangeFeed bool `yaml:"change_feed"`
	// How old the last listing may become whatever the marker and the feed say; at least every, at most 30d. Default 24h.
	FullEvery Duration `yaml:"full_every"`
	// Keep the dataset indexed also while no job wants it: what is new or changed is read, within the budgets, so that plans are at hand. Default false.
	Index bool `yaml:"index"`
}

// Destination is a prefix in a store where datasets are wanted.
type Destination struct {
	// Name of the store.
	Store string `yaml:"store" required:"true"`
	// Key prefix. "{dataset}" stands for the dataset's name. Default: {dataset}.
	Prefix string `yaml:"prefix"`
	// mirror (the same keys as the source under the prefix) or snapshots (one prefix per snapshot). Default mirror.
	Layout string `yaml:"layout"`
	// Where the store takes no part under some size (S3: 5 MiB), a small change costs such a part. With true, small pieces are first put behind a large one that the store holds, in temporary objects under .datagravity/, which are copied and removed: a tenth of the bytes for a few more requests. Not where object lock or a minimum storage duration makes temporary objects dear. Default false.
	TemporaryObjects bool `yaml:"temporary_objects"`
	// Storage class or access tier of what is written, in the provider's words. Default: the bucket's.
	StorageClass string `yaml:"storage_class"`
	// Key that encrypts what is written: an S3 key id or ARN, a GCS key name, an Azure encryption scope. A directory has none.
	KMSKey string `yaml:"kms_key"`
	// What to do where a live pin needs what a sync would replace: block (the shard stays as it is, and the sync ends with exit code 75) or snapshots (all that is asked for goes beside, under .snapshots/ and a folder of the snapshot; what did not change is copied by the store). Only for layout mirror. Default block.
	WhenPinned string `yaml:"when_pinned"`
	// What to do with shards that were deleted at the source: keep, or propagate (sync of the whole dataset deletes them once everything else succeeded: only objects that datagravity wrote itself, none that a live pin needs). Only for layout mirror. Default keep.
	Deletions string `yaml:"deletions"`
	// Most of the shards held that deletions may remove at once, of their number; more is refused. Default 10%.
	DeletionLimit Percent `yaml:"deletion_limit"`
	// Most bytes that all datasets together may take here, for example 10TiB. What a sync adds beyond it is refused, unless evict makes room. Default: no limit.
	Capacity Size `yaml:"capacity"`
	// What may go when the capacity is reached: none, or unpinned-lru (what datagravity wrote and no live pin needs, of any dataset, what was used longest ago first; never the last copy). Default none.
	Evict string `yaml:"evict"`
}

// Budget limits what may be spent or moved in a window of time, of all that its selectors choose together. Without a selector it counts everything.
type Budget struct {
	// Name, for messages and reports.
	Name string `yaml:"name" required:"true"`
	// Source: a store's name, a location or a provider. Empty: any.
	From string `yaml:"from"`
	// Destination: a destination's name, that of a store with one destination in it, a location or a provider. Empty: any.
	To string `yaml:"to"`
	// SOURCE->DESTINATION, two names as in from and to, in place of them.
	Link string `yaml:"link"`
	// Dataset, by its name. Empty: any.
	Dataset string `yaml:"dataset"`
	// Team that it is charged to. Empty: any, and none.
	Team string `yaml:"team"`
	// Job that it is for, as --job names it; one that ends in * stands for all that begin so. Empty: any, and none.
	Job string `yaml:"job"`
	// Window of the limit: day, week (from Monday), month, total (for ever), or one that slides: last 30d, last 12h, up to last 366d; it is counted by whole hours, rounded up. Default month.
	Window string `yaml:"window"`
	// Time zone in which days begin, for example America/Los_Angeles, or the provider whose bill it follows: azure, aws (both UTC) or gcp (America/Los_Angeles). Not for windows that slide. Default UTC.
	Zone string `yaml:"zone"`
	// Most US dollars in a window, for example 500 or 12.50. At least one of usd and bytes is needed.
	USD USD `yaml:"usd"`
	// Most bytes on the wire in a window, for example 5TiB.
	Bytes Size `yaml:"bytes"`
	// Shares of the limit, in ascending order, at which it is logged once a window that so much is spent and reserved; 100% also when something is refused. Default [50%, 80%, 100%]; [] for none.
	Alerts []Percent `yaml:"alerts"`
	// What to do with what does not fit: hold (it waits for the next window), or ask (it waits for an approval too, and the message says how to give it). Default hold.
	AtLimit string `yaml:"at_limit"`
}

// Link limits how fast data goes over a source-destination pair; all that it covers shares its bandwidth.
type Link struct {
	// Source: a store's name, a location or a provider. Empty: any.
	From string `yaml:"from"`
	// Destination: a destination's name, a store's, a location or a provider. Empty: any, and reading without a destination.
	To string `yaml:"to"`
	// Lines of [DAYS] [FROM-TO] RATE, for example "Mon-Fri 08:00-19:00 2Gbit/s", "22:00-06:00 unlimited", "8Gbit/s". The first that fits the time holds; where none does, nothing is limited. What is counted is the content of shards, not headers and TLS.
	Bandwidth []string `yaml:"bandwidth" required:"true"`
	// Time zone of the lines, for example Europe/Berlin. Default: the machine's.
	Zone string `yaml:"zone"`
}

// Prices tell what the price book cannot know.
type Prices struct {
	// A price book to use in place of the built-in one.
	Book string `yaml:"book"`
	// Files that change the price book, one after the other: entries replace those with their id or for their route. datagravity cost import writes such files from the providers' feeds.
	Overlays []string `yaml:"overlays"`
	// Bytes of each pooled meter that others used this month, by the pool's name (see datagravity plan). Without it every byte is priced at the meter's dearest paid tier.
	MonthToDate map[string]Size `yaml:"month_to_date"`
	// Prices of routes that replace the book's: private links, transit, regions that the book does not know. The first that matches wins.
	Routes []Route `yaml:"routes"`
	// Ladders of a contract in place of those of entries of the book (datagravity cost prices lists them). The meter and its month-to-date stay.
	Negotiated []Negotiated `yaml:"negotiated"`
	// Shares off the book's prices. For each price the most telling one counts, alone: an entry's before a pool's before a provider's.
	Discounts []Discount `yaml:"discounts"`
	// What the network at the agent charges for each byte beside the clouds' egress: NAT gateways, private endpoints. No price list can tell; say [] if there is nothing, and doctor stops asking.
	AgentCharges []AgentCharge `yaml:"agent_charges"`
	// Programmes that pay egress back. They change no price and no budget: the credit is reported as expected, until a bill shows it.
	Programs []Program `yaml:"programs"`
	// What one unit of another currency is worth, by its code (EUR), for prices that are stated in it and for datagravity cost import.
	Currencies map[string]Currency `yaml:"currencies"`
	// Age in days after which a price of the book is stale. Default 1095.
	MaxAgeDays int `yaml:"max_age_days"`
	// Let budgets rest on prices that no source proves (verified: false). Without it, what a budget covers is refused at such a price.
	AcceptUnverified bool `yaml:"accept_unverified"`
	// Let budgets rest on stale prices.
	AcceptStale bool `yaml:"accept_stale"`
	// Continent of an onprem site by its name (lab1: europe); Google prices internet traffic by its destination.
	Sites map[string]string `yaml:"sites"`
	// Azure routing preference "Internet" is set on the storage accounts whose store does not say its routing.
	ISPRouting bool `yaml:"isp_routing"`
}

// Route is a price for a route: one of usd_per_gib, tiers and entry, and what the link costs beside its bytes.
type Route struct {
	// From is provider:region, provider:* or *.
	From string `yaml:"from" required:"true"`
	// To is provider:region, provider:* or *.
	To string `yaml:"to" required:"true"`
	// US dollars per 2^30 bytes; 0 declares the bytes free.
	USDPerGiB USD `yaml:"usd_per_gib"`
	// Prices that fall with use, counted from the start of the month.
	Tiers []Tier `yaml:"tiers"`
	// Transfer entry of the price book whose prices hold, for example azure.expressroute.metered.zone-1.
	Entry string `yaml:"entry"`
	// What a private link costs an hour, whether or not bytes move (circuit, port, capacity). Plans report it beside the price of the bytes. Without it: what the entry says.
	USDPerHour *USD `yaml:"usd_per_hour"`
	// Capacity of the link, for example 10Gbit/s.
	Capacity BitRate `yaml:"capacity"`
	// The amounts of this route are in this currency, which currencies must state. Default USD.
	Currency string `yaml:"currency"`
}

// Tier is one band of a ladder.
type Tier struct {
	// Where the band ends, for example 10TiB. The last one has no end.
	UpTo Size `yaml:"up_to"`
	// US dollars per 2^30 bytes.
	USDPerGiB USD `yaml:"usd_per_gib" required:"true"`
}

// Negotiated is a ladder of a contract.
type Negotiated struct {
	// Entry of the price book.
	Entry string `yaml:"entry" required:"true"`
	// Its bands in the contract.
	Tiers []Tier `yaml:"tiers" required:"true"`
	// Which contract says so; it stands in explanations as the source.
	Contract string `yaml:"contract" required:"true"`
	// Date of the contract, for example 2026-10-01. With it the price can go stale.
	AsOf string `yaml:"as_of"`
	// The amounts are in this currency, which currencies must state. Default USD.
	Currency string `yaml:"currency"`
}

// Discount is a share off prices of a provider, a pool or an entry.
type Discount struct {
	// All prices of a provider: transfers, requests, retrieval, storage.
	Provider string `yaml:"provider"`
	// What one meter counts, for example azure.zone-1.mgn.
	Pool string `yaml:"pool"`
	// One entry of the price book.
	Entry string `yaml:"entry"`
	// Share off, for example 7%.
	Off Percent `yaml:"off" required:"true"`
}

// AgentCharge is a price per byte of the network at the agent.
type AgentCharge struct {
	// Name, for explanations, for example nat-gateway.
	Name string `yaml:"name" required:"true"`
	// The other side: provider:region, provider:* or *. A star is never the agent's own region; what is charged there is named with it.
	With string `yaml:"with" required:"true"`
	// in (what the agent reads), out (what it writes) or both. Default both.
	Direction string `yaml:"direction"`
	// US dollars per 2^30 bytes.
	USDPerGiB USD `yaml:"usd_per_gib" required:"true"`
}

// Program is a provider's programme that pays egress back.
type Program struct {
	// Id in the price book (datagravity cost prices --kind programs lists them with who is eligible).
	Program string `yaml:"program" required:"true"`
	// off, or credit_on_bill: you take part, and the credit is expected on a later bill. Default off.
	Apply string `yaml:"apply"`
	// Share of the price that comes back, where the price book does not know it.
	Credit Percent `yaml:"credit"`
}

// Currency is the worth of one unit of a currency.
type Currency struct {
	// US dollars for one unit, for example 1.0843.
	USD USD `yaml:"usd" required:"true"`
	// Date of the rate, for example 2026-11-20.
	AsOf string `yaml:"as_of" required:"true"`
}

// Jobs says where upcoming jobs are declared.
type Jobs struct {
	// Folder of job specs (*.yaml, *.yml, *.json, *.jsonl) that the daemon watches. Without it none is.
	Folder string `yaml:"folder"`
	// How often the folder is looked at, 1s to 24h. Default 10s.
	Poll Duration `yaml:"poll"`
	// How old what was seen at a destination may be for ready; older is looked at again. --max-age replaces it. Default 10m.
	MaxAge Duration `yaml:"max_age"`
	// How long what a job needs must stay once it is needed, where its spec has no keep; up to 3660d. Default 24h.
	Keep Duration `yaml:"keep"`
	// Jobs of a Slurm cluster that say what they need.
	Slurm Slurm `yaml:"slurm"`
}

// Slurm is how jobs of a Slurm cluster are found and told.
type Slurm struct {
	// Look for pending jobs that declare their data. Default false.
	Enabled bool `yaml:"enabled"`
	// Name of the cluster, in the ids of its jobs. Default: what Slurm says.
	Cluster string `yaml:"cluster"`
	// How often the queue is read, 5s to 24h; every time costs slurmctld a lock. Default 30s.
	Poll Duration `yaml:"poll"`
	// The program squeue. A name is looked for in $PATH. Default squeue.
	Squeue string `yaml:"squeue"`
	// The program scontrol. A name is looked for in $PATH. Default scontrol.
	Scontrol string `yaml:"scontrol"`
	// Release jobs that their users hold once their data is there. Default false.
	Release bool `yaml:"release"`
	// Write into a job's comment what it waits for; what its user wrote stays. Default false.
	Comment bool `yaml:"comment"`
	// Destination of jobs that name none, by partition; "*" is any other.
	Partitions map[string]string `yaml:"partitions"`
}

// Daemon says how the daemon runs.
type Daemon struct {
	// How long parts in flight have to be finished when the daemon ends, or begins anew with another configuration; what is not finished then is given up, and read again later. 0s to 1h; systemd is told how long it takes. Default 30s.
	Drain Duration `yaml:"drain"`
	// After how long without any progress, though there is work, the daemon says that it is unhealthy, and no longer feeds systemd's watchdog. 5s to 24h. Default 10m.
	UnhealthyAfter Duration `yaml:"unhealthy_after"`
	// When it is looked whether destinations still have what they are known to hold.
	Verify VerifySchedule `yaml:"verify"`
	// When uploads and temporary objects are removed that this agent began and left unfinished, as datagravity gc --yes does it.
	GC GCSchedule `yaml:"gc"`
}

// VerifySchedule is when destinations are verified.
type VerifySchedule struct {
	// How often all destinations are listed and compared with the manifest by existence, size and ETag; a tenth more or less, 1m to 366d. 0s: never. Default 24h.
	Every Duration `yaml:"every"`
	// Share of the bytes at each destination that is read back and compared as well, those first that were proven longest ago, for example 2%. It is priced, and waits while a budget has no room for it. Default 0%: none is.
	Sample Percent `yaml:"sample"`
	// How often the sample is read, 1m to 366d. Default 7d.
	SampleEvery Duration `yaml:"sample_every"`
}

// GCSchedule is when leftovers are removed.
type GCSchedule struct {
	// How often, a tenth more or less, 1m to 366d. 0s: never. Default 24h.
	Every Duration `yaml:"every"`
}

// Notify is somebody who is told what happens: by a webhook, or by a command.
type Notify struct {
	// Name of it, for messages and for datagravity notify.
	Name string `yaml:"name" required:"true"`
	// What it is told of: job.ready, job.late, job.on_time, job.held, job.blocked, budget.threshold, budget.ask, budget.doubt, integrity.failure, daemon.unhealthy, daemon.healthy; job.* is all about jobs. Default: everything.
	Events []string `yaml:"events"`
	// An endpoint that each event is posted to, as signed JSON.
	Webhook *Webhook `yaml:"webhook"`
	// A program that is run for each event, with its JSON on standard input.
	Command *NotifyCommand `yaml:"command"`
}

// Webhook is an endpoint that takes events as Standard Webhooks have it.
type Webhook struct {
	// Where to post to: https, or http on this machine's loopback.
	URL string `yaml:"url"`
	// Where that URL is found, if whoever knows it can post too.
	URLFrom *Secret `yaml:"url_from"`
	// Where the key is found that events are signed with: whsec_ and base64, or any text of 16 characters or more.
	Secret Secret `yaml:"secret" required:"true"`
	// Further headers, by name; where the value of each is found.
	Headers map[string]Secret `yaml:"headers"`
	// How long it has to answer, 1s to 1m. Default 10s.
	Timeout Duration `yaml:"timeout"`
}

// NotifyCommand is a program that is told events.
type NotifyCommand struct {
	// The program, found in $PATH or with its path, and its arguments. No shell reads them.
	Run []string `yaml:"run" required:"true"`
	// How long it may take, 1s to 10m; then it is killed, with all that it started. Default 30s.
	Timeout Duration `yaml:"timeout"`
}

// Secret says where a secret is found, because this file holds none. One of its fields is given.
type Secret struct {
	// Variable of the environment.
	Env string `yaml:"env"`
	// File, which nobody else may read. A line break at its end is no part of it.
	File string `yaml:"file"`
	// Credential of this name that systemd gave the service (LoadCredential).
	Credential string `yaml:"credential"`
}

// Tracing says where traces go.
type Tracing struct {
	// URL of a collector that takes OTLP over HTTP, for example http://localhost:4318; without a path /v1/traces is meant.
	Endpoint string `yaml:"endpoint"`
	// Share of the traces that are kept. Default: as OTEL_TRACES_SAMPLER says, else all.
	Sample *Percent `yaml:"sample"`
	// Headers for the collector, by name; where the value of each is found.
	Headers map[string]Secret `yaml:"headers"`
}

// Size is a number of bytes, written 512, 64KiB, 8MiB, 2GiB, 5TiB (binary) or 10GB (decimal).
type Size int64

// USD is an amount of US dollars.
type USD cost.NanoUSD

// BitRate is a number of bits per second, written 800Mbit/s, 10Gbit/s.
type BitRate int64

// Percent is a share from 0% to 100%, written 10% or 0.5%.
type Percent float64

// Duration is written 90s, 10m, 24h, 30d; a day has 24 hours.
type Duration time.Duration
