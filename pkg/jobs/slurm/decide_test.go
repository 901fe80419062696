package slurm

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDecide(t *testing.T) {
	const user = "run 7 datagravity: dataset=c4 to=aws"
	held := Job{ID: 7, States: []string{"PENDING"}, Held: true, Reason: ReasonHeldUser, Comment: user}
	with := func(change func(*Job)) Job { j := held; change(&j); return j }
	budget := Readiness{Refused, `by budget "egress": 12.40 USD missing`}
	const reason = user + ` | datagravity: held by budget "egress": 12.40 USD missing`
	set := func(comment string) Action { return Action{Verb: DoSetComment, JobID: 7, Comment: comment} }
	release := Action{Verb: DoRelease, JobID: 7}
	for name, c := range map[string]struct {
		job  Job
		r    Readiness
		want []Action
	}{
		"ready":                  {held, Readiness{State: Ready}, []Action{release}},
		"ready, with a reason":   {with(func(j *Job) { j.Comment = reason }), Readiness{State: Ready}, []Action{set(user), release}},
		"refused":                {held, budget, []Action{set(reason)}},
		"refused, told already":  {with(func(j *Job) { j.Comment = reason }), budget, nil},
		"refused, other reason":  {with(func(j *Job) { j.Comment = user + " | datagravity: held by x" }), budget, []Action{set(reason)}},
		"refused, a note behind": {with(func(j *Job) { j.Comment = reason + " | mine" }), Readiness{Waiting, "until 9:00"}, []Action{set(user + " | mine | datagravity: held until 9:00")}},
		"refused, own words":     {held, Readiness{Refused, "held by | a bar\nand a line"}, []Action{set(user + " | datagravity: held by / a bar and a line")}},
		"waiting without words":  {held, Readiness{State: Waiting}, []Action{set(user + " | datagravity: held until its data is there")}},
		"declared elsewhere":     {with(func(j *Job) { j.Comment = "" }), budget, []Action{set(`datagravity: held by budget "egress": 12.40 USD missing`)}},
		"declared elsewhere, ready": {with(func(j *Job) { j.Comment = "datagravity: held by x" }), Readiness{State: Ready},
			[]Action{set(""), release}},
		"unknown":                  {with(func(j *Job) { j.Comment = reason }), Readiness{State: Unknown}, nil},
		"administrator, ready":     {with(func(j *Job) { j.Reason = ReasonHeldAdmin }), Readiness{State: Ready}, nil},
		"administrator, refused":   {with(func(j *Job) { j.Reason = ReasonHeldAdmin }), budget, nil},
		"a dependency, ready":      {with(func(j *Job) { j.Reason = "Dependency" }), Readiness{State: Ready}, nil},
		"burst buffer held it":     {with(func(j *Job) { j.Reason = "BurstBufferOperation" }), Readiness{State: Ready}, nil},
		"not held, refused":        {with(func(j *Job) { j.Held, j.Reason = false, "Priority" }), budget, nil},
		"not held, ready":          {with(func(j *Job) { j.Held, j.Reason = false, "Priority" }), Readiness{State: Ready}, nil},
		"released by somebody":     {with(func(j *Job) { j.Held, j.Reason, j.Comment = false, "Priority", reason }), budget, []Action{set(user)}},
		"running, with our reason": {with(func(j *Job) { j.Held, j.Reason, j.States, j.Comment = false, "None", []string{"RUNNING"}, reason }), Readiness{State: Ready}, nil},
	} {
		if d := cmp.Diff(c.want, Decide(c.job, c.r)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Whatever a comment and the words are: the user's text stays, the second decision is nothing, and the comment is not too long.
func TestReasonsKeepWhatTheUserWrote(t *testing.T) {
	piece := rapid.SampledFrom([]string{" | ", "|", "datagravity: ", "held ", "by x", " ", "é", "dataset=c4", "a", ownStart, strings.Repeat("z", 500)})
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return cut(strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, name), ""), MaxComment)
		}
		comment, words := text("comment"), text("words")
		got := withReason(comment, words)
		if len(got) > MaxComment || !utf8.ValidString(got) || printable(got) != got {
			t.Fatalf("%q is no comment", got)
		}
		if user := userText(comment); userText(got) != user || !strings.HasPrefix(got, user) {
			t.Fatalf("%q became %q", user, userText(got))
		}
		if again := withReason(got, words); again != got {
			t.Fatalf("%q, then %q", got, again)
		}
		job := Job{ID: 1, States: []string{"PENDING"}, Held: true, Reason: ReasonHeldUser, Comment: got}
		if do := Decide(job, Readiness{Refused, words}); len(do) != 0 {
			t.Fatalf("decided twice: %+v", do)
		}
	})
}
