package window

import "os"

// Env, set to "generic" or "avx2", makes a process use that form of the search, to compare or to rule the others out.
const Env = "DATAGRAVITY_CHUNKER"

const generic = "generic"

// Kernel names the form of the search that this process uses: "avx512", "avx2" or "generic".
func Kernel() string { return kernel }

func wanted() string { return os.Getenv(Env) }
