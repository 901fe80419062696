package window

import "os"

// Env names an environment variable. Set to the name of a form that the machine can run, makes a process use it, to compare or to rule the others out.
const Env = "DATAGRAVITY_CHUNKER"

// form is a way to search.
type form string

const (
	generic form = "generic"
	avx2    form = "avx2"
	avx512  form = "avx512"
)

// kernel is the form in use.
var kernel = choose(form(os.Getenv(Env)))

// Kernel names the form of the search that this process uses: "avx512", "avx2" or "generic".
func Kernel() string { return string(kernel) }

func choose(want form) form {
	all := forms()
	for _, f := range all {
		if f == want {
			return f
		}
	}
	return all[0]
}
