package probe

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// gcsPolicy. Listing is asked of the bucket, so a condition on objects' names cannot be in the same binding.
// https://cloud.google.com/storage/docs/access-control/iam-permissions
func gcsPolicy(bucket, prefix string, writes bool) string {
	var b strings.Builder
	role := func(name, permissions string) {
		fmt.Fprintf(&b, "gcloud iam roles create %s --project=PROJECT --permissions=%s\n", name, permissions)
	}
	bind := func(name string, under ...string) {
		fmt.Fprintf(&b, "gcloud storage buckets add-iam-policy-binding %s --member=serviceAccount:ACCOUNT --role=projects/PROJECT/roles/%s",
			shell("gs://"+bucket), name)
		if len(under) == 0 {
			b.WriteString(" --condition=None\n")
			return
		}
		var or []string
		for _, p := range under {
			or = append(or, fmt.Sprintf("resource.name.startsWith(%q)", "projects/_/buckets/"+bucket+"/objects/"+p))
		}
		// The delimiter is changed because the expression may hold commas.
		fmt.Fprintf(&b, " --condition=%s\n", shell("^;^title=datagravity;expression="+strings.Join(or, " || ")))
	}
	objects := func(private bool) []string {
		switch {
		case prefix == "":
			return nil
		case private:
			return []string{prefix, store.Private}
		}
		return []string{prefix}
	}
	b.WriteString("# Replace PROJECT, and ACCOUNT by the agent's service account (NAME@PROJECT.iam.gserviceaccount.com).\n")
	role("datagravityList", "storage.buckets.get,storage.objects.list")
	bind("datagravityList")
	if !writes {
		role("datagravityRead", "storage.objects.get")
		bind("datagravityRead", objects(false)...)
		return b.String()
	}
	role("datagravityWrite", "storage.objects.get,storage.objects.create")
	bind("datagravityWrite", objects(true)...)
	role("datagravityDelete", "storage.objects.delete")
	bind("datagravityDelete", store.Private)
	b.WriteString("# Replacing a shard under its own key is a delete to Cloud Storage. Only where datasets change under layout mirror:\n# ")
	bind("datagravityDelete", objects(false)...)
	return b.String()
}
