package probe

import (
	"fmt"
	"slices"
	"strings"
)

// PolicyOf prints rights for the administrator of the store to apply, as [Policy] does; kind and bucket are as there. name is what the agent is for
// others, origin or edge.
func PolicyOf(kind, bucket, name string, rights []Right) string {
	switch kind {
	case "s3":
		return s3PolicyOf(bucket, rights)
	case "gs":
		return gcsPolicyOf(bucket, rights)
	case "azblob":
		return azurePolicyOf(bucket, name, rights)
	case "file":
		return filePolicyOf(bucket)
	}
	return noKind(kind)
}

// prefixes of the rights that are chosen, without those that lie below another one.
func prefixes(rights []Right, of func(Right) bool) (out []string) {
	for _, r := range rights {
		if of(r) {
			out = append(out, r.Prefix)
		}
	}
	return slices.DeleteFunc(slices.Clone(out), func(p string) bool {
		return slices.ContainsFunc(out, func(q string) bool { return q != p && strings.HasPrefix(p, q) })
	})
}

func listed(r Right) bool  { return r.List }
func read(r Right) bool    { return r.Read }
func written(r Right) bool { return r.Write }
func deleted(r Right) bool { return r.Delete }

// filePolicyOf gives all of our own folder: an object lands in it before it gets its name, and folders come and go with what is in them.
func filePolicyOf(dir string) string {
	ours := shell(strings.TrimSuffix(dir, "/") + "/.datagravity")
	return fmt.Sprintf("%s# A directory's rights go by folder: who may write there may also delete, and an edge's are no narrower than an origin's.\n"+
		"mkdir -p %s\nsetfacl -R -m u:USER:rwX -m d:u:USER:rwX %s\n", filePolicy(dir, false), ours, ours)
}
