package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// mode is the checksum that goes with what we send, strongest first.
type mode int32

const (
	// byCRC64NVME: each body has one, and so has the finished object as a whole.
	byCRC64NVME mode = iota
	// byCRC32C: each body has one; the finished object has a composite of its parts' alone.
	byCRC32C
	// byMD5: each body has a Content-MD5; the finished object has an ETag made from its parts'.
	byMD5
)

func (m mode) String() string { return [...]string{"crc64nvme", "crc32c", "md5"}[m] }

func (m mode) proof() string {
	switch m {
	case byCRC64NVME:
		return "The service checks the CRC64NVME of every part and of the finished object, and its answer is compared with the shard's."
	case byCRC32C:
		return "The service checks every part's CRC32C; the finished object's composite checksum is computed here too and must be equal."
	default:
		return "The service checks every part's Content-MD5; the finished object's ETag is computed from the parts' MD5s here too and must be equal."
	}
}

// algorithm for CreateMultipartUpload; none for Content-MD5.
func (m mode) algorithm() (types.ChecksumAlgorithm, types.ChecksumType) {
	switch m {
	case byCRC64NVME:
		return types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	case byCRC32C:
		return types.ChecksumAlgorithmCrc32c, types.ChecksumTypeComposite
	default:
		return "", ""
	}
}

func (s *Store) mode() mode { return mode(s.integrity.mode.Load()) }

// negotiate runs a write in the mode in use. Until one has succeeded, a server other than AWS that refuses it is tried
// with the next weaker mode; a refusal of all of them was not about checksums, and the first is returned.
func (s *Store) negotiate(write func(mode) error) error {
	m := s.mode()
	first := write(m)
	for err := first; err != nil; err = write(m) {
		if s.amazon || m == byMD5 || s.integrity.confirmed.Load() || !refusesChecksum(err) {
			if m != s.mode() && refusesChecksum(err) {
				return first
			}
			return err
		}
		m++
	}
	s.confirm(m)
	return nil
}

// confirm settles the mode for good.
func (s *Store) confirm(m mode) {
	if !s.integrity.confirmed.Load() {
		s.integrity.mode.Store(int32(m))
		s.integrity.confirmed.Store(true)
	}
}

// errNoEcho: the server took the request but did not name the checksum in its answer, so it knows nothing of it.
var errNoEcho = errors.New("the server ignores the checksum algorithm")

// refusesChecksum tells whether a refusal may be about the checksum or its type: servers from before their invention
// answer 501, or 400 with one of the general codes.
func refusesChecksum(err error) bool {
	if errors.Is(err, errNoEcho) {
		return true
	}
	r := answered(classify("put", err))
	switch {
	case r.Status == http.StatusNotImplemented:
		return true
	case r.Status == http.StatusBadRequest:
		return r.Code == "InvalidRequest" || r.Code == "InvalidArgument" || r.Code == "NotImplemented" || r.Code == "BadRequest"
	}
	return false
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums are the values for the headers of one body; at most one is set.
type sums struct{ crc64nvme, crc32c, md5 *string }

// sumsOf takes the checksum from known where it is there and computes it otherwise.
func sumsOf(m mode, data []byte, known store.Checksums) (sums, error) {
	switch m {
	case byCRC64NVME:
		if known.CRC64NVME == "" {
			return sums{crc64nvme: base64Of(store.Hex64(crc64nvme.Checksum(data)))}, nil
		}
		if _, err := store.ParseHex64(known.CRC64NVME); err != nil {
			return sums{}, err
		}
		return sums{crc64nvme: base64Of(known.CRC64NVME)}, nil
	case byCRC32C:
		if known.CRC32C == "" {
			return sums{crc32c: base64Of(store.Hex32(crc32.Checksum(data, castagnoli)))}, nil
		}
		if _, err := store.ParseHex32(known.CRC32C); err != nil {
			return sums{}, err
		}
		return sums{crc32c: base64Of(known.CRC32C)}, nil
	default:
		if known.MD5 == "" {
			sum := md5.Sum(data)
			return sums{md5: aws.String(base64.StdEncoding.EncodeToString(sum[:]))}, nil
		}
		return sums{md5: base64Of(known.MD5)}, nil
	}
}

// base64Of turns hex into the base64 of the wire; it is called with checked hex.
func base64Of(hexDigits string) *string {
	b, _ := hex.DecodeString(hexDigits)
	return aws.String(base64.StdEncoding.EncodeToString(b))
}

// hexOf turns a checksum of the wire into hex, "" if it is absent, composite ("…-N") or not of this length.
func hexOf(p *string, length int) string {
	b, err := base64.StdEncoding.DecodeString(aws.ToString(p))
	if err != nil || len(b) != length {
		return ""
	}
	return hex.EncodeToString(b)
}

// fullObject keeps the checksums that the service says are of the whole object.
func fullObject(kind types.ChecksumType, crc64, crc32c *string) store.Checksums {
	if kind != types.ChecksumTypeFullObject {
		return store.Checksums{}
	}
	return store.Checksums{CRC64NVME: hexOf(crc64, 8), CRC32C: hexOf(crc32c, 4)}
}

// md5OfETag: the ETag is the content's MD5 only if the object was written whole and is not encrypted with SSE-KMS or SSE-C
// (S3 user guide, "Object ETag").
func md5OfETag(etag string, kind types.ServerSideEncryption, customerAlgorithm *string) string {
	if aws.ToString(customerAlgorithm) != "" || (kind != "" && kind != types.ServerSideEncryptionAes256) {
		return ""
	}
	if b, err := hex.DecodeString(etag); err != nil || len(b) != md5.Size || strings.ToLower(etag) != etag {
		return ""
	}
	return etag
}

// composite is the checksum of the parts' checksums as S3 writes it, or "" if a part's is not known.
func composite(m mode, parts []store.Part) string {
	var concatenated []byte
	for _, p := range parts {
		v := p.CRC32C
		if m == byMD5 {
			v = md5OfETag(p.ETag, "", nil)
		}
		b, err := hex.DecodeString(v)
		if err != nil || len(b) == 0 {
			return ""
		}
		concatenated = append(concatenated, b...)
	}
	if m == byMD5 {
		sum := md5.Sum(concatenated)
		return fmt.Sprintf("%x-%d", sum, len(parts))
	}
	sum := crc32.Checksum(concatenated, castagnoli)
	return fmt.Sprintf("%s-%d", *base64Of(store.Hex32(sum)), len(parts))
}
