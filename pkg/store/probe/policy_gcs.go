package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// gcsPolicy. Listing is asked of the bucket, so a condition on objects' names cannot be in the same binding.
// https://cloud.google.com/storage/docs/access-control/iam-permissions
func gcsPolicy(bucket, prefix string, writes bool) string {
	b := &gcsCommands{bucket: bucket}
	objects := func(private bool) []string {
		switch {
		case prefix == "":
			return nil
		case private:
			return []string{prefix, store.Private}
		}
		return []string{prefix}
	}
	b.replace()
	b.role("datagravityList", "storage.buckets.get,storage.objects.list")
	b.bind("datagravityList")
	if !writes {
		b.role("datagravityRead", "storage.objects.get")
		b.bind("datagravityRead", objects(false)...)
		return b.String()
	}
	b.role("datagravityWrite", "storage.objects.get,storage.objects.create")
	b.bind("datagravityWrite", objects(true)...)
	b.role("datagravityDelete", "storage.objects.delete")
	b.bind("datagravityDelete", store.Private)
	b.WriteString("# Replacing a shard under its own key is a delete to Cloud Storage. Only where datasets change under layout mirror:\n# ")
	b.bind("datagravityDelete", objects(false)...)
	return b.String()
}

// gcsPolicyOf lets everything be listed: who may not list a bucket is told of an object that is absent that it is forbidden.
func gcsPolicyOf(bucket string, rights []Right) string {
	b := &gcsCommands{bucket: bucket}
	b.replace()
	b.role("datagravityList", "storage.buckets.get,storage.objects.list")
	b.bind("datagravityList")
	for _, r := range []struct {
		name, permissions string
		of                func(Right) bool
	}{
		{"datagravityRead", "storage.objects.get", read},
		{"datagravityCreate", "storage.objects.create", written},
		{"datagravityDelete", "storage.objects.delete", deleted},
	} {
		under := prefixes(rights, r.of)
		if len(under) == 0 {
			continue
		}
		b.role(r.name, r.permissions)
		if slices.Contains(under, "") {
			under = nil
		}
		for len(under) > gcsOperands {
			b.bind(r.name, under[:gcsOperands]...)
			under = under[gcsOperands:]
		}
		b.bind(r.name, under...)
	}
	return b.String()
}

// gcsOperands of one condition: it may have twelve logical operators.
// https://cloud.google.com/iam/quotas
const gcsOperands = 12

type gcsCommands struct {
	strings.Builder
	bucket string
}

func (b *gcsCommands) replace() {
	b.WriteString("# Replace PROJECT, and ACCOUNT by the agent's service account (NAME@PROJECT.iam.gserviceaccount.com).\n")
}

func (b *gcsCommands) role(name, permissions string) {
	fmt.Fprintf(b, "gcloud iam roles create %s --project=PROJECT --permissions=%s\n", name, permissions)
}

// bind gives a role for the objects under some prefixes, or for the bucket.
func (b *gcsCommands) bind(name string, under ...string) {
	fmt.Fprintf(b, "gcloud storage buckets add-iam-policy-binding %s --member=serviceAccount:ACCOUNT --role=projects/PROJECT/roles/%s",
		shell("gs://"+b.bucket), name)
	if len(under) == 0 {
		b.WriteString(" --condition=None\n")
		return
	}
	var or []string
	for _, p := range under {
		or = append(or, fmt.Sprintf("resource.name.startsWith(%q)", "projects/_/buckets/"+b.bucket+"/objects/"+p))
	}
	// The delimiter is changed because the expression may hold commas.
	fmt.Fprintf(b, " --condition=%s\n", shell("^;^title=datagravity;expression="+strings.Join(or, " || ")))
}
