package store

// KiB and friends are binary, as part limits of the services are.
const (
	KiB int64 = 1 << 10
	MiB int64 = 1 << 20
	GiB int64 = 1 << 30
	TiB int64 = 1 << 40
)

// Capabilities are what a backend, and this bucket as it is configured, can do. They are data, so that planners need no
// knowledge of providers.
type Capabilities struct {
	// Provider as in a location: azure, aws, gcp, onprem; "" for stores in memory.
	Provider string
	// Paid request classes are priced under this name in the price book (azure, aws, gcp), "" if requests are free.
	RequestPrices string

	Names NameRules
	Parts PartLimits
	// PutMaxBytes is the largest object that Put takes.
	PutMaxBytes int64
	// CopyMaxBytes is the largest object that Copy takes in one call; 0 means that it cannot copy.
	CopyMaxBytes int64

	// ServerChecks names the checksums that the service verifies on what we send: "crc64nvme", "crc32c", "md5".
	ServerChecks []string
	// ObjectChecksums names the full-object checksums that a finished upload has: "crc64nvme", "crc32c".
	ObjectChecksums []string
	// Proof says in one sentence how a finished upload is proven to hold the bytes that were sent.
	Proof string

	// ListsParts: the service itself tells which parts of an upload it holds.
	ListsParts bool
	// Versions: the bucket keeps versions, and reads can name one.
	Versions bool
	// PreservesEncoding: an object with Content-Encoding gzip is stored and served unchanged.
	PreservesEncoding bool
	// Warnings of doctor: soft delete, versioning or object lock that make temporary objects cost money.
	Warnings []string
	// Region of the bucket as the service tells it ("eastus", "us-east-1", "us-central1"), "" if it does not.
	Region string
}

// PartLimits are a backend's rules for uploads in parts.
type PartLimits struct {
	MinBytes       int64 // of every part but the last
	MaxBytes       int64 // of any part
	MaxParts       int
	MaxObjectBytes int64
}
