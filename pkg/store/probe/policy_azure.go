package probe

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// https://learn.microsoft.com/azure/role-based-access-control/permissions/storage
// https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
func azurePolicy(bucket, prefix string, writes bool) string {
	account, container, ok := strings.Cut(bucket, "/")
	if !ok {
		account, container = "STORAGE_ACCOUNT", bucket
	}
	scope := "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/" +
		account + "/blobServices/default/containers/" + container
	var b strings.Builder
	b.WriteString("# Replace SUBSCRIPTION, GROUP, and PRINCIPAL by the object id of the agent's identity.\n")
	assign := func(role, more string) {
		fmt.Fprintf(&b, "az role assignment create --assignee-object-id PRINCIPAL --assignee-principal-type ServicePrincipal \\\n"+
			"  --role %s \\\n  --scope %s%s\n", shell(role), shell(scope), more)
	}
	if !writes {
		assign("Storage Blob Data Reader", "")
		return b.String()
	}
	const blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
	definition, _ := json.MarshalIndent(map[string]any{
		"Name":             "datagravity destination",
		"IsCustom":         true,
		"Description":      "Reads and writes blobs, and deletes only what the condition of its assignment allows.",
		"Actions":          []string{"Microsoft.Storage/storageAccounts/blobServices/containers/read", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"},
		"DataActions":      []string{blobs + "/read", blobs + "/write", blobs + "/add/action", blobs + "/delete"},
		"AssignableScopes": []string{"/subscriptions/SUBSCRIPTION"},
	}, "", "  ")
	fmt.Fprintf(&b, "az role definition create --role-definition %s\n", shell(string(definition)))
	only := func(actions []string, prefixes ...string) string {
		var not, like []string
		for _, a := range actions {
			not = append(not, "!(ActionMatches{'"+blobs+"/"+a+"'})")
		}
		for _, p := range prefixes {
			like = append(like, "@Resource["+blobs+":path] StringStartsWith '"+p+"'")
		}
		return "((" + strings.Join(not, " AND ") + ") OR (" + strings.Join(like, " OR ") + "))"
	}
	condition := only([]string{"delete"}, store.Private)
	if prefix != "" {
		condition += " AND " + only([]string{"write", "add/action"}, prefix, store.Private)
	}
	assign("datagravity destination", " \\\n  --condition-version 2.0 --condition "+shell(condition))
	return b.String()
}
