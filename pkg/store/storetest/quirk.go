package storetest

import "strings"

// Quirk names one way in which a server is known not to do what the Store contract says. It is declared in Options.Quirks
// by whoever runs the suite on such a server, most often an emulator.
type Quirk string

// The quirks that cases look for.
const (
	ReadIgnoresPin            Quirk = "read-ignores-pin"
	DeleteIgnoresPin          Quirk = "delete-ignores-pin"
	CopyIgnoresPin            Quirk = "copy-ignores-pin"
	CopyIgnoresCondition      Quirk = "copy-ignores-condition"
	PartCopyIgnoresPin        Quirk = "part-copy-ignores-pin"
	PartCopyClampsRange       Quirk = "part-copy-clamps-range"
	PutIgnoresIfAbsent        Quirk = "put-ignores-if-absent"
	PutIgnoresIfMatch         Quirk = "put-ignores-if-match"
	PutRaces                  Quirk = "put-races"
	PutIgnoresChecksum        Quirk = "put-ignores-checksum"
	PartIgnoresChecksum       Quirk = "part-ignores-checksum"
	CompleteIgnoresCondition  Quirk = "complete-ignores-condition"
	CompleteRaces             Quirk = "complete-races"
	CompleteIgnoresChecksum   Quirk = "complete-ignores-checksum"
	CompleteIgnoresMissing    Quirk = "complete-ignores-missing-part"
	CompleteIgnoresOrder      Quirk = "complete-ignores-order"
	CompleteNotIdempotent     Quirk = "complete-not-idempotent"
	ObjectChecksumsMissing    Quirk = "object-checksums-missing"
	ListUploadsIncomplete     Quirk = "list-uploads-incomplete"
	AbortLeavesUpload         Quirk = "abort-leaves-upload"
	ListUnordered             Quirk = "list-unordered"
	ContentTypeLost           Quirk = "content-type-lost"
	ContentEncodingLost       Quirk = "content-encoding-lost"
	ContentEncodingTranscodes Quirk = "content-encoding-transcodes"
)

var reasons = map[Quirk]string{
	ReadIgnoresPin:            "this server serves a pinned read although the object was replaced",
	DeleteIgnoresPin:          "this server deletes an object although it is not the pinned one",
	CopyIgnoresPin:            "this server copies a source although it is not the pinned one",
	CopyIgnoresCondition:      "this server copies over a key although the condition does not hold",
	PartCopyIgnoresPin:        "this server copies a range although the source is not the pinned one",
	PartCopyClampsRange:       "this server copies what there is of a range that goes past the end of its source",
	PutIgnoresIfAbsent:        "this server overwrites although the write asked for absence",
	PutIgnoresIfMatch:         "this server overwrites although the write named another ETag",
	PutRaces:                  "of writes that race for an absent key, this server lets more than one win",
	PutIgnoresChecksum:        "this server stores a body whose checksum is not the promised one",
	PartIgnoresChecksum:       "this server keeps a part whose checksum is not the promised one",
	CompleteIgnoresCondition:  "this server finishes an upload although the condition does not hold",
	CompleteRaces:             "of uploads that race for an absent key, this server lets more than one win",
	CompleteIgnoresChecksum:   "this server finishes an upload whose whole checksum is not the promised one",
	CompleteIgnoresMissing:    "this server finishes an upload that lacks a part",
	CompleteIgnoresOrder:      "this server finishes an upload whose parts are out of order or repeated",
	CompleteNotIdempotent:     "this server does not tell that an upload was finished already",
	ObjectChecksumsMissing:    "this server does not tell the checksums that the finished object should have",
	ListUploadsIncomplete:     "this server does not list all unfinished uploads",
	AbortLeavesUpload:         "this server still lists an upload that was aborted",
	ListUnordered:             "this server does not list keys in byte order",
	ContentTypeLost:           "this store keeps no content type",
	ContentEncodingLost:       "this store keeps no content encoding",
	ContentEncodingTranscodes: "this server changes the bytes of an object with a content encoding",
}

const mangled = "key-mangled:"

// KeyMangled is the quirk of a server that changes, refuses or loses one of the odd keys, named as in [OddKeys], although
// the backend's NameRules allow it.
func KeyMangled(key string) Quirk { return Quirk(mangled + key) }

func (q Quirk) isKeyMangled() bool { return strings.HasPrefix(string(q), mangled) }

// Reason says in one sentence what the quirk keeps from being proven.
func (q Quirk) Reason() string {
	if key, ok := strings.CutPrefix(string(q), mangled); ok {
		return "this server does not keep the key " + quote(key) + " exactly"
	}
	return reasons[q]
}
