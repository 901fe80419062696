package probe

import (
	"bytes"
	"encoding/json"

	"github.com/datagravity/datagravity/pkg/store"
)

type statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// s3Policy. ListBucket carries no condition on a prefix: such a condition never holds for HeadObject, and S3 then answers
// 403 instead of 404 for a key that is absent.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html ("Permissions")
func s3Policy(bucket, prefix string, writes bool) string {
	arn := "arn:aws:s3:::" + bucket
	private := arn + "/" + store.Private + "*"
	objects := []string{arn + "/" + prefix + "*"}
	if writes && prefix != "" {
		objects = append(objects, private)
	}
	all := []statement{
		{"List", "Allow", []string{"s3:ListBucket", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"}, []string{arn}},
		{"Read", "Allow", []string{"s3:GetObject", "s3:GetObjectVersion"}, objects},
	}
	if writes {
		all[0].Action = append(all[0].Action, "s3:ListBucketMultipartUploads")
		all = append(all,
			statement{"Write", "Allow", []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}, objects},
			statement{"DeleteOwn", "Allow", []string{"s3:DeleteObject"}, []string{private}},
		)
	}
	return s3Document(all)
}

// s3PolicyOf lets everything be listed, for the same reason.
func s3PolicyOf(bucket string, rights []Right) string {
	arn := "arn:aws:s3:::" + bucket
	all := []statement{{"List", "Allow", []string{"s3:ListBucket", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"}, []string{arn}}}
	for _, s := range []struct {
		id     string
		action []string
		of     func(Right) bool
	}{
		{"Read", []string{"s3:GetObject", "s3:GetObjectVersion"}, read},
		{"Write", []string{"s3:PutObject"}, written},
		{"Delete", []string{"s3:DeleteObject"}, deleted},
	} {
		var objects []string
		for _, p := range prefixes(rights, s.of) {
			objects = append(objects, arn+"/"+p+"*")
		}
		if len(objects) > 0 {
			all = append(all, statement{s.id, "Allow", s.action, objects})
		}
	}
	return s3Document(all)
}

func s3Document(all []statement) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	// Plain strings always encode.
	_ = e.Encode(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", all})
	return out.String()
}
