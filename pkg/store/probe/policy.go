package probe

import (
	"fmt"
	"strings"
)

// Policy prints the least rights that datagravity needs, for the administrator of the store to apply: a JSON policy for
// S3, commands for the others. kind is the scheme of the store's URL (s3, gs, azblob, file), bucket its name
// ("ACCOUNT/CONTAINER" for azblob, the absolute path for file), prefix the dataset's or destination's ("" is all of it),
// role "source" (list and read) or "destination" (also write, and delete our own objects alone). For any other kind or
// role it returns a sentence that says what is known.
func Policy(kind, bucket, prefix, role string) string {
	if role != "source" && role != "destination" {
		return fmt.Sprintf("no policy for the role %q: want source or destination\n", role)
	}
	writes := role == "destination"
	switch kind {
	case "s3":
		return s3Policy(bucket, prefix, writes)
	case "gs":
		return gcsPolicy(bucket, prefix, writes)
	case "azblob":
		return azurePolicy(bucket, prefix, writes)
	case "file":
		return filePolicy(bucket, writes)
	}
	return noKind(kind)
}

func noKind(kind string) string {
	return fmt.Sprintf("no policy for the kind %q: want s3, gs, azblob or file\n", kind)
}

func filePolicy(dir string, writes bool) string {
	if writes {
		return fmt.Sprintf("# Replace USER by the agent's user. Everybody may read what it replicates.\n"+
			"install -d -o USER -m 0755 %s\n", shell(dir))
	}
	return fmt.Sprintf("# Read and search, now and for files to come; replace USER by the agent's user.\n"+
		"setfacl -R -m u:USER:rX -m d:u:USER:rX %s\n", shell(dir))
}

// shell quotes a word for a POSIX shell.
func shell(s string) string {
	plain := strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:") == "" && s != ""
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
