package probe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// https://learn.microsoft.com/azure/role-based-access-control/permissions/storage
// https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
func azurePolicy(bucket, prefix string, writes bool) string {
	b := newAzureCommands(bucket)
	if !writes {
		b.assign("Storage Blob Data Reader", "")
		return b.String()
	}
	b.define("datagravity destination", "Reads and writes blobs, and deletes only what the condition of its assignment allows.",
		[]string{"Microsoft.Storage/storageAccounts/blobServices/containers/read", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"},
		"read", "write", "add/action", "delete")
	condition := azureOnly("path", []string{store.Private}, azureAction("delete"))
	if prefix != "" {
		condition += " AND " + azureOnly("path", []string{prefix, store.Private}, azureAction("write"), azureAction("add/action"))
	}
	b.assign("datagravity destination", condition)
	return b.String()
}

// azurePolicyOf narrows each action by where it is, listing by the prefix that is listed.
func azurePolicyOf(bucket, name string, rights []Right) string {
	b := newAzureCommands(bucket)
	role := "datagravity " + name
	actions := []string{"read"}
	var conditions []string
	narrow := func(attribute string, under []string, actions ...string) {
		if !slices.Contains(under, "") {
			conditions = append(conditions, azureOnly(attribute, under, actions...))
		}
	}
	narrow("path", prefixes(rights, read), azureAction("read")+" AND NOT SubOperationMatches{'Blob.List'}")
	narrow("prefix", prefixes(rights, listed), azureAction("read")+" AND SubOperationMatches{'Blob.List'}")
	if under := prefixes(rights, written); len(under) > 0 {
		actions = append(actions, "write", "add/action")
		narrow("path", under, azureAction("write"), azureAction("add/action"))
	}
	if under := prefixes(rights, deleted); len(under) > 0 {
		actions = append(actions, "delete")
		narrow("path", under, azureAction("delete"))
	}
	b.define(role, "Reads, lists, writes and deletes only what the condition of its assignment allows.",
		[]string{"Microsoft.Storage/storageAccounts/blobServices/containers/read"}, actions...)
	b.assign(role, strings.Join(conditions, " AND "))
	return b.String()
}

const azureBlobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"

func azureAction(action string) string { return "ActionMatches{'" + azureBlobs + "/" + action + "'}" }

// azureOnly is the condition that what matches is below one of some prefixes; of none, that nothing does.
func azureOnly(attribute string, prefixes []string, matches ...string) string {
	source := "@Resource"
	if attribute == "prefix" {
		source = "@Request"
	}
	var not, like []string
	for _, m := range matches {
		not = append(not, "!("+m+")")
	}
	for _, p := range prefixes {
		like = append(like, source+"["+azureBlobs+":"+attribute+"] StringStartsWith '"+p+"'")
	}
	if len(like) == 0 {
		return "(" + strings.Join(not, " AND ") + ")"
	}
	return "((" + strings.Join(not, " AND ") + ") OR (" + strings.Join(like, " OR ") + "))"
}

type azureCommands struct {
	strings.Builder
	scope string
}

func newAzureCommands(bucket string) *azureCommands {
	account, container, ok := strings.Cut(bucket, "/")
	if !ok {
		account, container = "STORAGE_ACCOUNT", bucket
	}
	b := &azureCommands{scope: "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Storage/storageAccounts/" +
		account + "/blobServices/default/containers/" + container}
	b.WriteString("# Replace SUBSCRIPTION, GROUP, and PRINCIPAL by the object id of the agent's identity.\n")
	return b
}

// define makes a role of some actions on blobs.
func (b *azureCommands) define(role, description string, actions []string, onBlobs ...string) {
	var data []string
	for _, a := range onBlobs {
		data = append(data, azureBlobs+"/"+a)
	}
	definition, _ := json.MarshalIndent(map[string]any{
		"Name":             role,
		"IsCustom":         true,
		"Description":      description,
		"Actions":          actions,
		"DataActions":      data,
		"AssignableScopes": []string{"/subscriptions/SUBSCRIPTION"},
	}, "", "  ")
	fmt.Fprintf(b, "az role definition create --role-definition %s\n", shell(string(definition)))
}

// assign gives a role on the container, under a condition if there is one.
func (b *azureCommands) assign(role, condition string) {
	fmt.Fprintf(b, "az role assignment create --assignee-object-id PRINCIPAL --assignee-principal-type ServicePrincipal \\\n"+
		"  --role %s \\\n  --scope %s", shell(role), shell(b.scope))
	if condition != "" {
		fmt.Fprintf(b, " \\\n  --condition-version 2.0 --condition %s", shell(condition))
	}
	b.WriteString("\n")
}
