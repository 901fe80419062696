package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// DeltaFolder is where a table of Delta Lake keeps its log.
const DeltaFolder = "_delta_log/"

var (
	commitPattern     = lazyre.New(`^([0-9]{20})\.json$`)
	checkpointPattern = lazyre.New(`^([0-9]{20})\.checkpoint\.`)
)

// DeltaCommits sorts out the names of a log's files, without folder: how many commits there are to replay, 0 to n-1. Checkpoints are
// parquet, which is not read here; so where commits before the newest checkpoint were cleaned away, or one is missing, the table's files
// cannot be told, and that is an error.
func DeltaCommits(names []string) (commits int64, err error) {
	var versions []int64
	checkpoint := int64(-1)
	for _, name := range names {
		if m := commitPattern.FindStringSubmatch(name); m != nil {
			v, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: the version of %s is too large", ErrMalformed, name)
			}
			versions = append(versions, v)
		} else if m := checkpointPattern.FindStringSubmatch(name); m != nil {
			if v, err := strconv.ParseInt(m[1], 10, 64); err == nil {
				checkpoint = max(checkpoint, v)
			}
		}
	}
	slices.Sort(versions)
	for i, v := range versions {
		if v == int64(i) {
			continue
		}
		why := "a commit is missing"
		if checkpoint >= int64(i) {
			why = fmt.Sprintf("what was before is only in the checkpoint of version %d, which is parquet and not read", checkpoint)
		}
		return 0, fmt.Errorf("%w: its log has no version %d but has %d: %s; select the table's files by a glob or a list", ErrMalformed, i, v, why)
	}
	if len(versions) == 0 || checkpoint >= int64(len(versions)) {
		return 0, fmt.Errorf("%w: its log has no commit %020d.json; select the table's files by a glob or a list", ErrMalformed, len(versions))
	}
	return int64(len(versions)), nil
}

// DeltaCommit is the name of a version's file in the log.
func DeltaCommit(version int64) string { return fmt.Sprintf("%020d.json", version) }

// deltaFile is one logical file: a data file with, or without, a deletion vector.
type deltaFile struct {
	bytes  int64
	vector string // path of the vector's file, "" if it has none of its own
}

// DeltaLog replays the commits of a table, by the rules of Delta's PROTOCOL.md (action reconciliation). The zero value is the empty table.
type DeltaLog struct {
	next  int64
	files map[string]map[string]deltaFile // by path, then by the vector's id
}

type deltaAction struct {
	Add      *deltaFileAction `json:"add"`
	Remove   *deltaFileAction `json:"remove"`
	Protocol *struct {
		Features []string `json:"readerFeatures"`
	} `json:"protocol"`
}

type deltaFileAction struct {
	Path   string `json:"path"`
	Size   *int64 `json:"size"`
	Vector *struct {
		Storage string `json:"storageType"`
		Path    string `json:"pathOrInlineDv"`
		Offset  *int64 `json:"offset"`
	} `json:"deletionVector"`
}

// Add replays the next commit: newline-delimited JSON, an action a line. Paths are relative to the table's folder, which is that of place,
// and percent-encoded. An absolute path, as clones of tables have, is [ErrOutside].
func (l *DeltaLog) Add(data []byte, place Place) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, MaxBytes)
	}
	if l.files == nil {
		l.files = map[string]map[string]deltaFile{}
	}
	// A commit removes a file with its old deletion vector and adds it with the new one, in any order: so the removals come first.
	var adds []deltaFileAction
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		at := fmt.Sprintf("line %d", number)
		if tooDeep(line) >= 0 {
			return fmt.Errorf("%w: %s: brackets stand in each other more than %d deep", ErrMalformed, at, maxDepth)
		}
		var a deltaAction
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("%w: %s: %s", ErrMalformed, at, strings.TrimPrefix(err.Error(), "json: "))
		}
		switch {
		case a.Protocol != nil:
			if slices.Contains(a.Protocol.Features, "catalogManaged") || slices.Contains(a.Protocol.Features, "catalogOwned-preview") {
				return fmt.Errorf("%w: %s: a catalog keeps the newest commits of this table; its log alone does not tell its files", ErrMalformed, at)
			}
		case a.Remove != nil:
			p, err := deltaPath(a.Remove.Path, place)
			if err != nil {
				return placed(at+", remove.path", err)
			}
			id, _, err := a.Remove.vector(place)
			if err != nil {
				return placed(at+", remove.deletionVector", err)
			}
			delete(l.files[p], id)
			if len(l.files[p]) == 0 {
				delete(l.files, p)
			}
		case a.Add != nil:
			adds = append(adds, *a.Add)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, a := range adds {
		if err := l.add(a, place); err != nil {
			return err
		}
	}
	l.next++
	return nil
}

func (l *DeltaLog) add(a deltaFileAction, place Place) error {
	p, err := deltaPath(a.Path, place)
	if err != nil {
		return placed("add.path", err)
	}
	f := deltaFile{bytes: Unknown}
	if a.Size != nil {
		if f.bytes = *a.Size; f.bytes < 0 {
			return fmt.Errorf("%w: add of %q has the size %d", ErrMalformed, a.Path, f.bytes)
		}
	}
	id, vector, err := a.vector(place)
	if err != nil {
		return placed("add.deletionVector", err)
	}
	f.vector = vector
	if l.files[p] == nil {
		l.files[p] = map[string]deltaFile{}
	}
	l.files[p][id] = f
	return nil
}

func deltaPath(encoded string, place Place) (string, error) {
	if IsURL(encoded) || strings.HasPrefix(encoded, "/") {
		return "", fmt.Errorf("%q is %w: it is absolute; select the table's files by a glob or a list", redact(encoded), ErrOutside)
	}
	p, err := url.PathUnescape(encoded)
	if err != nil {
		return "", fmt.Errorf("%w: the percent signs of %q encode nothing", ErrMalformed, encoded)
	}
	return below(place.Dir, p)
}

// vector returns the id of a deletion vector and the file that it is in, "" for none and for one within the log.
func (a *deltaFileAction) vector(place Place) (id, file string, err error) {
	v := a.Vector
	if v == nil {
		return "", "", nil
	}
	id = v.Storage + v.Path
	if v.Offset != nil {
		id += "@" + strconv.FormatInt(*v.Offset, 10)
	}
	switch v.Storage {
	case "i":
		return id, "", nil
	case "p":
		return "", "", fmt.Errorf("%q is %w: it is absolute; select the table's files by a glob or a list", redact(v.Path), ErrOutside)
	case "u":
		const encoded = 20 // characters of a UUID in base 85
		if len(v.Path) < encoded {
			return "", "", fmt.Errorf("%w: the deletion vector %q is too short for a UUID", ErrMalformed, v.Path)
		}
		prefix, text := v.Path[:len(v.Path)-encoded], v.Path[len(v.Path)-encoded:]
		raw, ok := decodeZ85(text)
		if !ok {
			return "", "", fmt.Errorf("%w: the deletion vector %q is no UUID in base 85", ErrMalformed, v.Path)
		}
		name := fmt.Sprintf("deletion_vector_%x-%x-%x-%x-%x.bin", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
		if prefix != "" {
			name = prefix + "/" + name
		}
		file, err = below(place.Dir, name)
		return id, file, err
	}
	return "", "", fmt.Errorf("%w: deletion vectors of the kind %q are not known", ErrMalformed, v.Storage)
}

// Files are the data files of the table as it is after the commits so far, and the files of their deletion vectors, in byte order.
func (l *DeltaLog) Files() []File {
	var files []File
	vectors := map[string]bool{}
	for p, versions := range l.files {
		size := int64(Unknown)
		for _, v := range versions {
			size = max(size, v.bytes)
			if v.vector != "" && !vectors[v.vector] {
				vectors[v.vector] = true
				files = append(files, File{Path: v.vector, Bytes: Unknown, Samples: Unknown})
			}
		}
		files = append(files, File{Path: p, Bytes: size, Samples: Unknown})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	return files
}

// z85 is the alphabet of ZeroMQ's RFC 32, which the protocol prescribes.
const z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

// decodeZ85 reads groups of five characters as big-endian numbers of four bytes.
func decodeZ85(s string) (out []byte, ok bool) {
	for ; len(s) >= 5; s = s[5:] {
		n := uint64(0)
		for i := range 5 {
			digit := strings.IndexByte(z85, s[i])
			if digit < 0 {
				return nil, false
			}
			n = n*85 + uint64(digit)
		}
		if n > 0xffffffff {
			return nil, false
		}
		out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return out, s == ""
}
